-- Typical performance: median, quartiles and maximum of interactions; hit dependence is mean / median.
WITH told AS (
    SELECT
        creator,
        count(*) AS notes,
        count(CASE WHEN NOT ripe THEN 1 END) AS ripening,
        count(*) FILTER (WHERE ripe AND interactions IS NULL) AS unknown,
        count(*) FILTER (WHERE ripe AND interactions IS NOT NULL AND rounded) AS rounded,
        count(*) FILTER (WHERE ripe AND interactions IS NOT NULL) AS n,
        quantile_cont(CASE WHEN ripe THEN interactions END, [0.25, 0.5, 0.75]) AS quartiles,
        max(CASE WHEN ripe THEN interactions END) AS most,
        avg(CASE WHEN ripe THEN interactions END) AS mean
    FROM timeline
    GROUP BY creator
), named AS (
    SELECT
        creator,
        notes,
        ripening,
        unknown,
        rounded,
        n,
        list_extract(quartiles, 1) AS p25,
        list_extract(quartiles, 2) AS median,
        list_extract(quartiles, 3) AS p75,
        most,
        mean
    FROM told
)
SELECT
    creator,
    notes,
    ripening,
    unknown,
    rounded,
    n,
    CASE WHEN n >= $least THEN p25 END AS p25,
    CASE WHEN n >= $least THEN median END AS median,
    CASE WHEN n >= $least THEN p75 END AS p75,
    CASE WHEN n >= $least THEN most END AS most,
    CASE WHEN n >= $least THEN mean / nullif(median, 0) END AS hit_dependence
FROM named
ORDER BY creator
