-- The notes of the window, each with its interactions, its age when last seen, and its place in the week.
SELECT
    n.creator,
    n.note,
    n.kind,
    n.published_ms,
    n.seen_ms,
    n.likes,
    n.likes_least,
    n.collects,
    n.comments,
    n.shares,
    n.likes + n.collects + n.comments AS interactions,
    n.rounded,
    n.seen_ms - n.published_ms >= $ripe_ms AS ripe,
    n.goods,
    n.title,
    n.text,
    n.hashtags,
    mod((n.published_ms + z.offset_ms) // 86400000 + 3, 7) AS weekday,
    mod((n.published_ms + z.offset_ms) // 3600000, 24) AS hour
FROM notes AS n
JOIN zones AS z ON n.published_ms >= z.since_ms AND n.published_ms < z.until_ms
