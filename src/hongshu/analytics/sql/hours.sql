-- Best hours: of each hour of the week the notes, and the median of interactions / the running median of the 31 notes around.
WITH based AS (
    SELECT
        creator,
        weekday,
        hour,
        CASE WHEN ripe AND kind IS NOT NULL THEN interactions END AS interactions,
        median(CASE WHEN ripe THEN interactions END) OVER (
            PARTITION BY creator, kind
            ORDER BY published_ms, note
            ROWS BETWEEN 15 PRECEDING AND 15 FOLLOWING
        ) AS usual
    FROM timeline
), told AS (
    SELECT
        creator,
        weekday,
        hour,
        count(*) AS notes,
        count(interactions / nullif(usual, 0)) AS n,
        median(interactions / nullif(usual, 0)) AS ratio
    FROM based
    GROUP BY creator, weekday, hour
)
SELECT creator, weekday, hour, notes, n, CASE WHEN n >= $least_group THEN ratio END AS ratio
FROM told
ORDER BY creator, weekday, hour
