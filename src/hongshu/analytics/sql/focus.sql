-- Topic focus 垂直度: the notes that carry the creator's most frequent hashtag, of all notes.
WITH counted AS (
    SELECT creator, tag, count(DISTINCT note) AS notes
    FROM timeline
    CROSS JOIN unnest(hashtags) AS u(tag)
    GROUP BY creator, tag
), ranked AS (
    SELECT creator, tag, notes, row_number() OVER (PARTITION BY creator ORDER BY notes DESC, tag) AS place
    FROM counted
), totals AS (
    SELECT creator, count(*) AS n FROM timeline GROUP BY creator
)
SELECT
    t.creator,
    t.n,
    CASE WHEN t.n >= $least THEN r.tag END AS tag,
    CASE WHEN t.n >= $least THEN coalesce(r.notes, 0) / t.n END AS focus
FROM totals AS t
LEFT JOIN ranked AS r ON r.creator = t.creator AND r.place = 1
ORDER BY creator
