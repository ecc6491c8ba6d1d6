-- Jumps: likes that came between two looks while collects and comments stood still, where by the note's own ratio many of
-- these would have come along. A flag to look at, never an accusation.
WITH pairs AS (
    SELECT
        l.creator,
        l.note,
        lag(l.seen_ms) OVER (PARTITION BY l.creator, l.note ORDER BY l.seen_ms) AS since_ms,
        l.seen_ms AS until_ms,
        lag(l.likes) OVER (PARTITION BY l.creator, l.note ORDER BY l.seen_ms) AS likes_before,
        l.likes,
        lag(l.collects) OVER (PARTITION BY l.creator, l.note ORDER BY l.seen_ms) AS collects_before,
        l.collects,
        lag(l.comments) OVER (PARTITION BY l.creator, l.note ORDER BY l.seen_ms) AS comments_before,
        l.comments
    FROM looks AS l
    JOIN timeline AS t ON t.creator = l.creator AND t.note = l.note
    WHERE NOT l.rounded
), expected AS (
    SELECT
        creator,
        note,
        since_ms,
        until_ms,
        likes_before,
        likes,
        (likes - likes_before) * (collects_before + comments_before) / nullif(likes_before, 0) AS missing
    FROM pairs
    WHERE likes - likes_before >= $jump_least AND collects = collects_before AND comments = comments_before
)
SELECT creator, note, since_ms, until_ms, likes_before, likes, missing
FROM expected
WHERE missing >= $jump_missing
ORDER BY creator, note, until_ms
