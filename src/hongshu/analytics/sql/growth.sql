-- Growth of a note: interactions at set ages, in proportion between two looks that lie no further apart than the note was old
-- (or that saw the same), and the first age with half of what it has after 7 days.
WITH points AS (
    SELECT l.creator, l.note, l.seen_ms - t.published_ms AS age_ms, l.interactions
    FROM looks AS l
    JOIN timeline AS t ON t.creator = l.creator AND t.note = l.note
    WHERE l.seen_ms >= t.published_ms
    UNION
    SELECT creator, note, seen_ms - published_ms AS age_ms, interactions
    FROM timeline
    WHERE seen_ms >= published_ms
), steps AS (
    SELECT
        creator,
        note,
        age_ms,
        interactions,
        lead(age_ms) OVER (PARTITION BY creator, note ORDER BY age_ms, interactions) AS next_ms,
        lead(interactions) OVER (PARTITION BY creator, note ORDER BY age_ms, interactions) AS next_interactions
    FROM points
), ages AS (
    SELECT age_ms
    FROM (VALUES (3600000), (21600000), (86400000), (259200000), (604800000)) AS v(age_ms)
), at_age AS (
    SELECT
        s.creator,
        s.note,
        a.age_ms,
        max(
            s.interactions
            + (s.next_interactions - s.interactions) * (a.age_ms - s.age_ms) / greatest(1, s.next_ms - s.age_ms)
        ) AS interactions
    FROM steps AS s
    JOIN ages AS a ON s.age_ms <= a.age_ms AND s.next_ms >= a.age_ms
    WHERE s.next_ms - s.age_ms <= a.age_ms OR s.next_interactions = s.interactions
    GROUP BY s.creator, s.note, a.age_ms
), told AS (
    SELECT
        creator,
        note,
        max(CASE WHEN age_ms = 3600000 THEN interactions END) AS at_1h,
        max(CASE WHEN age_ms = 21600000 THEN interactions END) AS at_6h,
        max(CASE WHEN age_ms = 86400000 THEN interactions END) AS at_24h,
        max(CASE WHEN age_ms = 259200000 THEN interactions END) AS at_72h,
        max(CASE WHEN age_ms = 604800000 THEN interactions END) AS at_7d
    FROM at_age
    GROUP BY creator, note
), halves AS (
    SELECT
        s.creator,
        s.note,
        min(
            s.age_ms
            + (t.at_7d / 2 - s.interactions) * (s.next_ms - s.age_ms) / (s.next_interactions - s.interactions)
        ) AS age_ms
    FROM steps AS s
    JOIN told AS t ON t.creator = s.creator AND t.note = s.note
    WHERE s.interactions < t.at_7d / 2 AND s.next_interactions >= t.at_7d / 2 AND t.at_7d > 0
    GROUP BY s.creator, s.note
)
SELECT t.creator, t.note, t.at_1h, t.at_6h, t.at_24h, t.at_72h, t.at_7d, h.age_ms / 3600000 AS half_life_hours
FROM told AS t
LEFT JOIN halves AS h ON h.creator = t.creator AND h.note = t.note
ORDER BY t.creator, t.note
