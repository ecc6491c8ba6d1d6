-- Price per interaction: the price told last before the window's end / the median interactions of ripe notes.
WITH newest AS (
    SELECT creator, max(as_of_ms) AS as_of_ms
    FROM profiles
    WHERE price IS NOT NULL AND as_of_ms < $until_ms
    GROUP BY creator
), usual AS (
    SELECT creator, count(*) AS n, median(interactions) AS median
    FROM timeline
    WHERE ripe AND interactions IS NOT NULL
    GROUP BY creator
)
SELECT
    u.creator,
    u.n,
    p.price,
    p.currency,
    p.as_of_ms,
    CASE WHEN u.n >= $least THEN p.price / nullif(u.median, 0) END AS price_per_interaction
FROM usual AS u
JOIN newest AS w ON w.creator = u.creator
JOIN profiles AS p ON p.creator = w.creator AND p.as_of_ms = w.as_of_ms
ORDER BY creator
