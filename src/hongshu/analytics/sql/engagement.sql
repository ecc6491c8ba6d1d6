-- Engagement rate: interactions of ripe notes / followers. At publishing: the median over notes of whose time, up to 30 days
-- before, followers were told. Latest: median interactions / the followers told last before the window's end.
WITH usual AS (
    SELECT creator, count(*) AS n, median(interactions) AS median
    FROM timeline
    WHERE ripe AND interactions IS NOT NULL
    GROUP BY creator
), at_publish AS (
    SELECT creator, count(*) AS n, median(rate) AS rate
    FROM reach
    GROUP BY creator
), newest AS (
    SELECT creator, max(as_of_ms) AS as_of_ms
    FROM profiles
    WHERE followers > 0 AND as_of_ms < $until_ms
    GROUP BY creator
), latest AS (
    SELECT p.creator, p.followers, p.as_of_ms
    FROM profiles AS p
    JOIN newest AS n ON n.creator = p.creator AND n.as_of_ms = p.as_of_ms
)
SELECT
    u.creator,
    u.n,
    coalesce(a.n, 0) AS n_at_publish,
    CASE WHEN a.n >= $least THEN a.rate END AS rate_at_publish,
    l.followers,
    l.as_of_ms,
    CASE WHEN u.n >= $least THEN u.median / l.followers END AS rate_latest
FROM usual AS u
JOIN latest AS l ON l.creator = u.creator
LEFT JOIN at_publish AS a ON a.creator = u.creator
ORDER BY creator
