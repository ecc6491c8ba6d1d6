-- What happened to a creator's notes in the window, the newest first.
SELECT creator, event, note, kind, seen_ms, details
FROM events
WHERE seen_ms >= $since_ms AND seen_ms < $until_ms
ORDER BY creator, seen_ms DESC, event DESC
