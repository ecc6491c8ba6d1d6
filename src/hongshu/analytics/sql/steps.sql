-- From each look at a note to the next one: its age, and its interactions then; the last step has no end.
SELECT
    creator,
    note,
    age_ms,
    interactions,
    lead(age_ms) OVER (PARTITION BY creator, note ORDER BY age_ms, interactions) AS next_ms,
    lead(interactions) OVER (PARTITION BY creator, note ORDER BY age_ms, interactions) AS next_interactions
FROM (
    SELECT l.creator, l.note, l.seen_ms - t.published_ms AS age_ms, l.interactions
    FROM looks AS l
    JOIN timeline AS t ON t.creator = l.creator AND t.note = l.note
    WHERE l.seen_ms >= t.published_ms AND NOT t.estimated AND l.interactions IS NOT NULL
    UNION
    SELECT creator, note, seen_ms - published_ms AS age_ms, interactions
    FROM timeline
    WHERE seen_ms >= published_ms AND NOT estimated AND interactions IS NOT NULL
) AS points
