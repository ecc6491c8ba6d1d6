-- Cadence over the part of the window that is known without a gap: notes a week and in 30 days, gaps, and how alike they are.
WITH spans AS (
    SELECT
        creator,
        row_number() OVER (ORDER BY creator) AS place,
        greatest($since_ms, coalesce(from_ms, first_ms)) AS since_ms,
        least($until_ms, to_ms) AS until_ms
    FROM creators
    WHERE to_ms IS NOT NULL
), posts AS (
    SELECT
        s.place,
        t.published_ms,
        t.published_ms - lag(t.published_ms) OVER (PARTITION BY s.place ORDER BY t.published_ms) AS gap_ms
    FROM spans AS s
    JOIN timeline AS t ON t.creator = s.creator AND t.published_ms >= s.since_ms AND t.published_ms < s.until_ms
), gaps AS (
    SELECT
        place,
        count(*) AS n,
        max(published_ms) AS last_ms,
        median(gap_ms) AS median_gap_ms,
        max(gap_ms) AS longest_gap_ms
    FROM posts
    GROUP BY place
), away AS (
    SELECT p.place, median(abs(p.gap_ms - g.median_gap_ms)) AS mad_ms
    FROM posts AS p
    JOIN gaps AS g ON g.place = p.place
    GROUP BY p.place
), told AS (
    SELECT
        s.creator,
        g.n,
        (s.until_ms - s.since_ms) / 86400000 AS days,
        g.last_ms,
        s.until_ms,
        g.median_gap_ms,
        g.longest_gap_ms,
        a.mad_ms
    FROM spans AS s
    JOIN gaps AS g ON g.place = s.place
    JOIN away AS a ON a.place = s.place
)
SELECT
    creator,
    n,
    days,
    CASE WHEN n >= $least THEN n * 7 / days END AS per_7_days,
    CASE WHEN n >= $least THEN n * 30 / days END AS per_30_days,
    CASE WHEN n >= $least THEN median_gap_ms / 86400000 END AS median_gap_days,
    CASE WHEN n >= $least THEN longest_gap_ms / 86400000 END AS longest_gap_days,
    (until_ms - last_ms) / 86400000 AS days_since_last,
    CASE WHEN n >= $least AND median_gap_ms > 0 THEN greatest(0, 1 - mad_ms / median_gap_ms) END AS regularity
FROM told
ORDER BY creator
