-- Interactions of a note at set ages: as a look at that age saw them, or in proportion between two looks that lie no further
-- apart than the note was old, or that saw the same.
SELECT
    s.creator,
    s.note,
    a.age_ms,
    max(
        s.interactions
        + coalesce(
            (s.next_interactions - s.interactions) * (a.age_ms - s.age_ms) / greatest(1, s.next_ms - s.age_ms), 0
        )
    ) AS interactions
FROM steps AS s
JOIN (
    SELECT age_ms
    FROM (VALUES (3600000), (21600000), (86400000), (259200000), (604800000)) AS v(age_ms)
) AS a ON s.age_ms <= a.age_ms AND coalesce(s.next_ms, s.age_ms) >= a.age_ms
WHERE
    s.age_ms = a.age_ms
    OR s.next_ms = a.age_ms
    OR s.next_ms - s.age_ms <= a.age_ms
    OR s.next_interactions = s.interactions
GROUP BY s.creator, s.note, a.age_ms
