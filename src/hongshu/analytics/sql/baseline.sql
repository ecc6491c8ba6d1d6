-- Each note whose hour is known, and its interactions / the running median of the ripe ones among the 31 notes of its
-- type around it.
SELECT
    creator,
    note,
    weekday,
    hour,
    interactions / nullif(usual, 0) AS ratio
FROM (
    SELECT
        creator,
        note,
        weekday,
        hour,
        CASE WHEN ripe AND kind IS NOT NULL THEN interactions END AS interactions,
        median(CASE WHEN ripe THEN interactions END) OVER (
            PARTITION BY creator, kind
            ORDER BY published_ms, note
            ROWS BETWEEN 15 PRECEDING AND 15 FOLLOWING
        ) AS usual
    FROM timeline
) AS around
WHERE hour IS NOT NULL
