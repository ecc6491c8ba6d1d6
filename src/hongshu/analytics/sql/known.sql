-- What is known of creators, and from when until when it is known without a gap.
SELECT creator, nickname, state, coalesce(from_ms, first_ms) AS since_ms, to_ms AS until_ms
FROM creators
ORDER BY creator
