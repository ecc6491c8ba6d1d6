-- Breakouts: notes with more interactions at an age than Q3 + 1.5 IQR of the creator's other notes at that age. Where fewer
-- than eight others were seen at that age, there is not enough history and `broke_out` is unknown.
WITH ranked AS (
    SELECT
        creator,
        note,
        age_ms,
        interactions,
        row_number() OVER (PARTITION BY creator, age_ms ORDER BY interactions, note) AS place
    FROM ages
    WHERE age_ms <= 259200000
), together AS (
    SELECT
        creator,
        age_ms,
        count(*) - 1 AS others,
        array_agg(interactions ORDER BY interactions, note) AS sorted
    FROM ranked
    GROUP BY creator, age_ms
), placed AS (
    SELECT
        r.creator,
        r.note,
        r.age_ms,
        r.interactions,
        t.others,
        t.sorted,
        r.place,
        greatest(t.others - 1, 0) * 0.25 AS at_q1,
        greatest(t.others - 1, 0) * 0.5 AS at_q2,
        greatest(t.others - 1, 0) * 0.75 AS at_q3
    FROM ranked AS r
    JOIN together AS t ON t.creator = r.creator AND t.age_ms = r.age_ms
), cut AS (
    SELECT
        creator,
        note,
        age_ms,
        interactions,
        others,
        sorted,
        place,
        at_q1,
        at_q2,
        at_q3,
        CAST(floor(at_q1) AS BIGINT) + 1 AS low_1,
        CAST(ceil(at_q1) AS BIGINT) + 1 AS high_1,
        CAST(floor(at_q2) AS BIGINT) + 1 AS low_2,
        CAST(ceil(at_q2) AS BIGINT) + 1 AS high_2,
        CAST(floor(at_q3) AS BIGINT) + 1 AS low_3,
        CAST(ceil(at_q3) AS BIGINT) + 1 AS high_3
    FROM placed
), valued AS (
    SELECT
        creator,
        note,
        age_ms,
        interactions,
        others,
        at_q1 - floor(at_q1) AS part_1,
        at_q2 - floor(at_q2) AS part_2,
        at_q3 - floor(at_q3) AS part_3,
        list_extract(sorted, CASE WHEN low_1 >= place THEN low_1 + 1 ELSE low_1 END) AS from_1,
        list_extract(sorted, CASE WHEN high_1 >= place THEN high_1 + 1 ELSE high_1 END) AS to_1,
        list_extract(sorted, CASE WHEN low_2 >= place THEN low_2 + 1 ELSE low_2 END) AS from_2,
        list_extract(sorted, CASE WHEN high_2 >= place THEN high_2 + 1 ELSE high_2 END) AS to_2,
        list_extract(sorted, CASE WHEN low_3 >= place THEN low_3 + 1 ELSE low_3 END) AS from_3,
        list_extract(sorted, CASE WHEN high_3 >= place THEN high_3 + 1 ELSE high_3 END) AS to_3
    FROM cut
), fenced AS (
    SELECT
        creator,
        note,
        age_ms,
        interactions,
        others,
        from_1 + (to_1 - from_1) * part_1 AS q1,
        from_2 + (to_2 - from_2) * part_2 AS usual,
        from_3 + (to_3 - from_3) * part_3 AS q3
    FROM valued
)
SELECT
    creator,
    note,
    age_ms,
    interactions,
    others,
    CASE WHEN others >= $breakout_least THEN usual END AS usual,
    CASE WHEN others >= $breakout_least THEN q3 + 1.5 * (q3 - q1) END AS fence,
    CASE WHEN others >= $breakout_least THEN interactions > q3 + 1.5 * (q3 - q1) END AS broke_out
FROM fenced
ORDER BY creator, note, age_ms
