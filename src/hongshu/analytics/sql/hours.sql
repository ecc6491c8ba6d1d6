-- Best hours: of each hour of the week the notes, and the median of interactions / the running median of the 31 notes around.
-- Medians are taken of the hours that are told only: of many creators most hours have a note or two.
WITH slots AS (
    SELECT creator, weekday * 24 + hour AS slot, ratio
    FROM baseline
), counted AS (
    SELECT creator, slot, count(*) AS notes, count(ratio) AS n
    FROM slots
    GROUP BY creator, slot
), told AS (
    SELECT s.creator, s.slot, median(s.ratio) AS ratio
    FROM slots AS s
    JOIN counted AS c ON c.creator = s.creator AND c.slot = s.slot
    WHERE c.n >= $least_group
    GROUP BY s.creator, s.slot
)
SELECT c.creator, c.slot // 24 AS weekday, mod(c.slot, 24) AS hour, c.notes, c.n, t.ratio
FROM counted AS c
LEFT JOIN told AS t ON t.creator = c.creator AND t.slot = c.slot
ORDER BY creator, weekday, hour
