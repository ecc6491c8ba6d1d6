-- Viral-note rate 爆文率: the share of ripe notes with at least so many likes. A lower bound ("10万+") counts where it decides.
WITH judged AS (
    SELECT
        creator,
        ripe,
        CASE
            WHEN likes_least >= $threshold THEN 1
            WHEN likes < $threshold THEN 0
        END AS hit
    FROM timeline
), told AS (
    SELECT
        creator,
        count(*) FILTER (WHERE NOT ripe) AS ripening,
        count(*) FILTER (WHERE ripe AND hit IS NULL) AS unknown,
        count(*) FILTER (WHERE ripe AND hit IS NOT NULL) AS n,
        count(*) FILTER (WHERE ripe AND hit = 1) AS hits
    FROM judged
    GROUP BY creator
)
SELECT creator, ripening, unknown, n, hits, CASE WHEN n >= $least THEN hits / n END AS rate
FROM told
ORDER BY creator
