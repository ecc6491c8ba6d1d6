-- Interactions of ripe notes by the followers that were told last in the 30 days before each was published.
SELECT c.creator, c.note, c.interactions, p.followers, p.as_of_ms, c.interactions / p.followers AS rate
FROM (
    SELECT t.creator, t.note, t.interactions, max(p.as_of_ms) AS as_of_ms
    FROM timeline AS t
    JOIN profiles AS p
        ON p.creator = t.creator
        AND p.followers > 0
        AND p.as_of_ms <= t.published_ms
        AND p.as_of_ms >= t.published_ms - 2592000000
    WHERE t.ripe AND t.interactions IS NOT NULL
    GROUP BY t.creator, t.note, t.interactions
) AS c
JOIN profiles AS p ON p.creator = c.creator AND p.as_of_ms = c.as_of_ms
