-- Best hours: of each hour of the week the notes, and the median of interactions / the running median of the 31 notes around.
SELECT
    creator,
    weekday,
    hour,
    count(*) AS notes,
    count(ratio) AS n,
    CASE WHEN count(ratio) >= $least_group THEN median(ratio) END AS ratio
FROM baseline
GROUP BY creator, weekday, hour
ORDER BY creator, weekday, hour
