-- Interactions of notes: likes, collects and comments together, shares apart, each note with its ratios and its place in time.
SELECT
    creator,
    note,
    kind,
    published_ms,
    weekday,
    hour,
    ripe,
    likes,
    collects,
    comments,
    shares,
    interactions,
    interactions + shares AS with_shares,
    collects / nullif(likes, 0) AS save_like,
    comments / nullif(likes, 0) AS comment_like,
    shares / nullif(likes, 0) AS share_like
FROM timeline
ORDER BY creator, published_ms, note
