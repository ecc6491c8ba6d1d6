-- Competitor average: the mean over creators of their notes, median interactions, 爆文率 by likes and collects per like; with
-- each creator, and without.
WITH told AS (
    SELECT
        creator,
        count(*) AS notes,
        count(CASE WHEN ripe THEN interactions END) AS n,
        median(CASE WHEN ripe THEN interactions END) AS median,
        count(CASE WHEN ripe AND (likes_least >= $threshold OR likes < $threshold) THEN 1 END) AS judged,
        count(CASE WHEN ripe AND likes_least >= $threshold THEN 1 END) AS hits,
        count(CASE WHEN ripe AND likes >= $least_likes THEN collects END) AS liked,
        median(CASE WHEN ripe AND likes >= $least_likes THEN collects / likes END) AS save_like
    FROM timeline
    GROUP BY creator
), known AS (
    SELECT
        creator,
        notes,
        CASE WHEN n >= $least THEN median END AS median,
        CASE WHEN judged >= $least THEN hits / judged END AS viral_rate,
        CASE WHEN liked >= $least THEN save_like END AS save_like
    FROM told
)
SELECT
    creator,
    notes,
    avg(notes) OVER () AS notes_with,
    (sum(notes) OVER () - notes) / nullif(count(notes) OVER () - 1, 0) AS notes_without,
    median,
    avg(median) OVER () AS median_with,
    (sum(median) OVER () - coalesce(median, 0)) / nullif(count(median) OVER () - CASE WHEN median IS NULL THEN 0 ELSE 1 END, 0)
        AS median_without,
    viral_rate,
    avg(viral_rate) OVER () AS viral_rate_with,
    (sum(viral_rate) OVER () - coalesce(viral_rate, 0))
    / nullif(count(viral_rate) OVER () - CASE WHEN viral_rate IS NULL THEN 0 ELSE 1 END, 0) AS viral_rate_without,
    save_like,
    avg(save_like) OVER () AS save_like_with,
    (sum(save_like) OVER () - coalesce(save_like, 0))
    / nullif(count(save_like) OVER () - CASE WHEN save_like IS NULL THEN 0 ELSE 1 END, 0) AS save_like_without
FROM known
ORDER BY creator
