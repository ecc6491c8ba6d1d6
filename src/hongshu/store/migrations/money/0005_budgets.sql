-- What a batch may take of the sources, and what it took; a question under way counts in full.
CREATE TABLE budgets (
    id TEXT PRIMARY KEY,
    most_calls BIGINT,
    most_credits BIGINT,
    calls BIGINT NOT NULL DEFAULT 0,
    credits BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;
