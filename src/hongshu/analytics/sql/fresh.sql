-- New hashtags: those of the window that no note known from before carries.
WITH used AS (
    SELECT n.creator, u.tag, n.note, n.published_ms
    FROM notes AS n
    CROSS JOIN unnest(n.hashtags) AS u(tag)
), told AS (
    SELECT
        creator,
        tag,
        min(published_ms) AS first_ms,
        count(DISTINCT CASE WHEN published_ms >= $since_ms AND published_ms < $until_ms THEN note END) AS notes
    FROM used
    GROUP BY creator, tag
)
SELECT creator, tag, first_ms, notes
FROM told
WHERE first_ms >= $since_ms AND first_ms < $until_ms
ORDER BY creator, notes DESC, tag
