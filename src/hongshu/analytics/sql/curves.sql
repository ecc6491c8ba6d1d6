-- Growth curves: what each look at a note saw, by the note's age.
SELECT creator, note, age_ms, interactions
FROM steps
ORDER BY creator, note, age_ms, interactions
