-- Reports that are made again and again. `orders` is JSON: what about, when, and where they go. One is due at `next_ms`;
-- `worker` has it in hand until `lease_ms`.
CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    created_ms BIGINT NOT NULL,
    orders TEXT NOT NULL,
    next_ms BIGINT NOT NULL,
    last_ms BIGINT,
    trouble TEXT NOT NULL DEFAULT '',
    trouble_ms BIGINT,
    worker TEXT NOT NULL DEFAULT '',
    lease_ms BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX schedules_due ON schedules (next_ms);

-- A delivery may be a report's: what it says, as JSON. Its file lies on the machine that made it.
ALTER TABLE deliveries ADD COLUMN report TEXT NOT NULL DEFAULT '';
