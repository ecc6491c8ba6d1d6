-- Share of voice: a creator's notes of all notes compared. Share of interaction: the same of the interactions of ripe notes.
-- Both are told of a window that is complete for all who are compared.
WITH told AS (
    SELECT
        creator,
        count(*) AS notes,
        count(CASE WHEN ripe THEN interactions END) AS n,
        CAST(coalesce(sum(CASE WHEN ripe THEN interactions END), 0) AS BIGINT) AS interactions
    FROM timeline
    GROUP BY creator
)
SELECT
    creator,
    notes,
    notes / sum(notes) OVER () AS share_of_voice,
    n,
    interactions,
    interactions / nullif(sum(interactions) OVER (), 0) AS share_of_interaction
FROM told
ORDER BY creator
