-- The notes behind best hours, one by one: where each stands in the week, and how it did against the notes around it.
SELECT creator, note, weekday, hour, ratio
FROM baseline
ORDER BY creator, weekday, hour, note
