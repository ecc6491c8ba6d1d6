-- Format split: notes of each type with their share, and the median of their interactions, types apart.
WITH told AS (
    SELECT
        creator,
        kind,
        count(*) AS notes,
        count(CASE WHEN ripe THEN interactions END) AS n,
        median(CASE WHEN ripe THEN interactions END) AS median
    FROM timeline
    WHERE kind IS NOT NULL
    GROUP BY creator, kind
)
SELECT
    creator,
    kind,
    notes,
    CAST(sum(notes) OVER (PARTITION BY creator) AS BIGINT) AS of_notes,
    notes / sum(notes) OVER (PARTITION BY creator) AS share,
    n,
    CASE WHEN n >= $least_group THEN median END AS median
FROM told
ORDER BY creator, kind
