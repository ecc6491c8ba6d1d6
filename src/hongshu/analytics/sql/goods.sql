-- Goods notes of those whose source says; words of a cooperation in title or text are a suspicion and no more.
WITH told AS (
    SELECT
        creator,
        count(*) AS notes,
        count(goods) AS n,
        count(*) FILTER (WHERE goods) AS goods,
        count(*) FILTER (
            WHERE regexp_matches(
                concat_ws(' | ', title, text), '(?i)广告|合作|赞助|推广|品牌方|恰饭|体验官|sponsored|gifted by'
            )
        ) AS cooperation_suspected
    FROM timeline
    GROUP BY creator
)
SELECT creator, notes, n, goods, CASE WHEN n >= $least THEN goods / n END AS share, cooperation_suspected
FROM told
ORDER BY creator
