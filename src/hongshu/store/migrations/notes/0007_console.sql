-- Batches that were ordered at the console: the server collects them (`served`), at the cost of `account` where it is not
-- an operator's. `why` says why a batch was ended early.
ALTER TABLE batches ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE batches ADD COLUMN served INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN why TEXT NOT NULL DEFAULT '';

CREATE INDEX batches_served ON batches (served, state, id);
CREATE INDEX batches_of_accounts ON batches (account, id);

-- Looks that an account ordered are paid by it; those of operators by nobody.
ALTER TABLE watches ADD COLUMN account TEXT NOT NULL DEFAULT '';
