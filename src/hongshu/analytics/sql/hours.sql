-- Best hours: of each hour of the week the notes, and the median of interactions / the running median of the 31 notes around.
WITH told AS (
    SELECT
        creator,
        weekday,
        hour,
        count(*) AS notes,
        count(ratio) AS n,
        median(ratio) AS ratio
    FROM baseline
    GROUP BY creator, weekday, hour
)
SELECT creator, weekday, hour, notes, n, CASE WHEN n >= $least_group THEN ratio END AS ratio
FROM told
ORDER BY creator, weekday, hour
