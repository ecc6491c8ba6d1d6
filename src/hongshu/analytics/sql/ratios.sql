-- Medians of collects, comments and shares per like, over ripe notes with enough likes.
WITH per_note AS (
    SELECT
        creator,
        collects / likes AS save_like,
        comments / likes AS comment_like,
        shares / likes AS share_like
    FROM timeline
    WHERE ripe AND likes >= $least_likes
), told AS (
    SELECT
        creator,
        count(save_like) AS save_like_n,
        median(save_like) AS save_like,
        count(comment_like) AS comment_like_n,
        median(comment_like) AS comment_like,
        count(share_like) AS share_like_n,
        median(share_like) AS share_like
    FROM per_note
    GROUP BY creator
)
SELECT
    creator,
    save_like_n,
    CASE WHEN save_like_n >= $least THEN save_like END AS save_like,
    comment_like_n,
    CASE WHEN comment_like_n >= $least THEN comment_like END AS comment_like,
    share_like_n,
    CASE WHEN share_like_n >= $least THEN share_like END AS share_like
FROM told
ORDER BY creator
