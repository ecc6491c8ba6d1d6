-- The notes of the window, each with its interactions, its age when last seen, and its place in the week; with 15,251,000
-- weeks more no time is negative, as those before 1970 are.
SELECT
    n.creator,
    n.note,
    n.kind,
    n.published_ms,
    n.estimated,
    n.seen_ms,
    n.likes,
    n.likes_least,
    n.collects,
    n.comments,
    n.shares,
    n.likes + n.collects + n.comments AS interactions,
    n.interactions_least,
    n.rounded,
    n.seen_ms - n.published_ms >= $ripe_ms AS ripe,
    n.pinned,
    n.goods,
    n.cover,
    n.nickname,
    n.title,
    n.text,
    n.hashtags,
    CASE WHEN NOT n.estimated THEN mod((n.published_ms + z.offset_ms + 9223804800000000) // 86400000 + 3, 7) END AS weekday,
    CASE WHEN NOT n.estimated THEN mod((n.published_ms + z.offset_ms + 9223804800000000) // 3600000, 24) END AS hour
FROM notes AS n
JOIN zones AS z ON n.published_ms >= z.since_ms AND n.published_ms < z.until_ms
