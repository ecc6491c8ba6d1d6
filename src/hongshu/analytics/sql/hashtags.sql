-- Hashtags of three notes of a type or more: their share, and lift = median with / median without, same type and window.
WITH tagged AS (
    SELECT DISTINCT creator, kind, note, tag
    FROM timeline
    CROSS JOIN unnest(hashtags) AS u(tag)
    WHERE kind IS NOT NULL
), frequent AS (
    SELECT creator, kind, tag
    FROM tagged
    GROUP BY creator, kind, tag
    HAVING count(*) >= $least_group
), beside AS (
    SELECT
        f.creator,
        f.kind,
        f.tag,
        list_contains(t.hashtags, f.tag) AS carries,
        CASE WHEN t.ripe THEN t.interactions END AS interactions
    FROM frequent AS f
    JOIN timeline AS t ON t.creator = f.creator AND t.kind = f.kind
), told AS (
    SELECT
        creator,
        kind,
        tag,
        count(*) FILTER (WHERE carries) AS notes,
        count(*) AS of_notes,
        count(CASE WHEN carries THEN interactions END) AS n,
        count(CASE WHEN NOT carries THEN interactions END) AS n_without,
        median(CASE WHEN carries THEN interactions END) AS median,
        median(CASE WHEN NOT carries THEN interactions END) AS median_without
    FROM beside
    GROUP BY creator, kind, tag
)
SELECT
    creator,
    kind,
    tag,
    notes,
    notes / of_notes AS share,
    n,
    n_without,
    CASE WHEN n >= $least_group THEN median END AS median,
    CASE WHEN n_without >= $least_group THEN median_without END AS median_without,
    CASE WHEN n >= $least_group AND n_without >= $least_group THEN median / nullif(median_without, 0) END AS lift
FROM told
ORDER BY creator, notes DESC, tag, kind
