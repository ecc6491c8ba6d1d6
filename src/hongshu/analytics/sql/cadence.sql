-- Cadence over the part of the window that is known without a gap: notes a week and in 30 days, gaps, and how alike they are.
WITH spans AS (
    SELECT creator, greatest($since_ms, coalesce(from_ms, first_ms)) AS since_ms, least($until_ms, to_ms) AS until_ms
    FROM creators
    WHERE to_ms IS NOT NULL
), posts AS (
    SELECT
        s.creator,
        s.since_ms,
        s.until_ms,
        t.published_ms,
        t.published_ms - lag(t.published_ms) OVER (PARTITION BY s.creator ORDER BY t.published_ms) AS gap_ms
    FROM spans AS s
    JOIN timeline AS t ON t.creator = s.creator AND t.published_ms >= s.since_ms AND t.published_ms < s.until_ms
), gaps AS (
    SELECT
        creator,
        count(*) AS n,
        max((until_ms - since_ms) / 86400000) AS days,
        max(published_ms) AS last_ms,
        max(until_ms) AS until_ms,
        median(gap_ms) AS median_gap_ms,
        max(gap_ms) AS longest_gap_ms
    FROM posts
    GROUP BY creator
), away AS (
    SELECT p.creator, median(abs(p.gap_ms - g.median_gap_ms)) AS mad_ms
    FROM posts AS p
    JOIN gaps AS g ON g.creator = p.creator
    GROUP BY p.creator
)
SELECT
    g.creator,
    g.n,
    g.days,
    CASE WHEN g.n >= $least THEN g.n * 7 / g.days END AS per_7_days,
    CASE WHEN g.n >= $least THEN g.n * 30 / g.days END AS per_30_days,
    CASE WHEN g.n >= $least THEN g.median_gap_ms / 86400000 END AS median_gap_days,
    CASE WHEN g.n >= $least THEN g.longest_gap_ms / 86400000 END AS longest_gap_days,
    (g.until_ms - g.last_ms) / 86400000 AS days_since_last,
    CASE WHEN g.n >= $least AND g.median_gap_ms > 0 THEN greatest(0, 1 - a.mad_ms / g.median_gap_ms) END AS regularity
FROM gaps AS g
JOIN away AS a ON a.creator = g.creator
ORDER BY g.creator
