-- The notes of the window in time order as a wall of covers shows them, the newest first.
SELECT
    creator,
    note,
    published_ms,
    estimated,
    kind,
    pinned,
    goods,
    cover,
    nickname,
    title,
    hashtags,
    ripe,
    rounded,
    likes,
    collects,
    comments,
    shares,
    interactions
FROM timeline
ORDER BY creator, published_ms DESC, note DESC
