-- Viral-note rate 爆文率: the share of ripe notes with at least so many likes (or interactions), by a number of its own or as
-- so many times the creator's median. A lower bound ("10万+") counts where it decides.
WITH counted AS (
    SELECT
        creator,
        ripe,
        CASE WHEN $of_interactions = 1 THEN interactions ELSE likes END AS count,
        CASE WHEN $of_interactions = 1 THEN interactions_least ELSE likes_least END AS least
    FROM timeline
), usual AS (
    SELECT creator, count(CASE WHEN ripe THEN count END) AS n, median(CASE WHEN ripe THEN count END) AS median
    FROM counted
    WHERE $times_median > 0
    GROUP BY creator
), judged AS (
    SELECT
        c.creator,
        c.ripe,
        CASE
            WHEN $times_median = 0 THEN $threshold
            WHEN u.n >= $least AND u.median > 0 THEN $times_median * u.median
        END AS threshold,
        c.count,
        c.least
    FROM counted AS c
    LEFT JOIN usual AS u ON u.creator = c.creator
), told AS (
    SELECT
        creator,
        max(threshold) AS threshold,
        count(CASE WHEN NOT ripe THEN 1 END) AS ripening,
        count(CASE WHEN ripe AND (least >= threshold OR count < threshold) THEN 1 END) AS n,
        count(CASE WHEN ripe AND least >= threshold THEN 1 END) AS hits,
        count(CASE WHEN ripe THEN 1 END) AS old
    FROM judged
    GROUP BY creator
)
SELECT
    creator,
    CAST(threshold AS DOUBLE) AS threshold,
    ripening,
    old - n AS unknown,
    n,
    hits,
    CASE WHEN n >= $least THEN hits / n END AS rate
FROM told
ORDER BY creator
