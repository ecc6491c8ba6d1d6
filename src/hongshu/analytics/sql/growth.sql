-- Growth of a note: interactions at set ages, their speed between the ages, and the first age with half of what it has after
-- 7 days, where the looks around it tell it.
WITH told AS (
    SELECT
        creator,
        note,
        max(CASE WHEN age_ms = 3600000 THEN interactions END) AS at_1h,
        max(CASE WHEN age_ms = 21600000 THEN interactions END) AS at_6h,
        max(CASE WHEN age_ms = 86400000 THEN interactions END) AS at_24h,
        max(CASE WHEN age_ms = 259200000 THEN interactions END) AS at_72h,
        max(CASE WHEN age_ms = 604800000 THEN interactions END) AS at_7d
    FROM ages
    GROUP BY creator, note
), first_seen AS (
    SELECT s.creator, s.note, t.at_7d / 2 AS half, min(s.age_ms) AS age_ms
    FROM steps AS s
    JOIN told AS t ON t.creator = s.creator AND t.note = s.note
    WHERE s.interactions >= t.at_7d / 2 AND t.at_7d > 0
    GROUP BY s.creator, s.note, t.at_7d
), crossed AS (
    SELECT
        s.creator,
        s.note,
        s.next_ms - s.age_ms AS apart_ms,
        s.age_ms
        + (f.half - s.interactions) * (s.next_ms - s.age_ms) / (s.next_interactions - s.interactions) AS age_ms
    FROM steps AS s
    JOIN first_seen AS f ON f.creator = s.creator AND f.note = s.note AND f.age_ms = s.next_ms
    WHERE s.interactions < f.half AND s.next_interactions >= f.half
), halves AS (
    SELECT creator, note, min(age_ms) AS age_ms
    FROM crossed
    WHERE apart_ms <= age_ms
    GROUP BY creator, note
)
SELECT
    t.creator,
    t.note,
    t.at_1h,
    t.at_6h,
    t.at_24h,
    t.at_72h,
    t.at_7d,
    t.at_1h AS per_hour_until_1h,
    (t.at_6h - t.at_1h) / 5 AS per_hour_until_6h,
    (t.at_24h - t.at_6h) / 18 AS per_hour_until_24h,
    (t.at_72h - t.at_24h) / 48 AS per_hour_until_72h,
    (t.at_7d - t.at_72h) / 96 AS per_hour_until_7d,
    h.age_ms / 3600000 AS half_life_hours
FROM told AS t
LEFT JOIN halves AS h ON h.creator = t.creator AND h.note = t.note
ORDER BY creator, note
