-- Each note whose hour is known, and its interactions / the running median of the ripe ones among the 31 notes of its
-- type around it. Notes of one moment stand in the order of their hours and interactions, and by their ids last, so that
-- what is told of an hour does not hang on ids.
SELECT creator, note, weekday, hour, own / nullif(usual, 0) AS ratio
FROM (
    SELECT
        creator,
        note,
        weekday,
        hour,
        own,
        median(own) OVER (
            PARTITION BY creator, kind
            ORDER BY published_ms, hour, own, note
            ROWS BETWEEN 15 PRECEDING AND 15 FOLLOWING
        ) AS usual
    FROM (
        SELECT
            creator,
            note,
            kind,
            published_ms,
            weekday,
            hour,
            CASE WHEN ripe AND kind IS NOT NULL THEN interactions END AS own
        FROM timeline
    ) AS told
) AS around
WHERE hour IS NOT NULL
