-- Watched creators. A look is due at `next_ms`; `worker` has it in hand until `lease_ms`, and `walk` is where a look of
-- several pages stands. `top_ms` and `top_id` are the newest place of the last whole look: what stands above it is new.
CREATE TABLE watches (
    creator TEXT PRIMARY KEY,
    since_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    next_ms BIGINT NOT NULL,
    last_ms BIGINT,
    top_ms BIGINT,
    top_id TEXT,
    newest_ms BIGINT,
    silent_ms BIGINT,
    trouble TEXT NOT NULL DEFAULT '',
    trouble_ms BIGINT,
    failures INTEGER NOT NULL DEFAULT 0,
    walk TEXT NOT NULL DEFAULT '',
    learned BLOB,
    lot INTEGER NOT NULL,
    rate DOUBLE PRECISION NOT NULL DEFAULT 0,
    strength DOUBLE PRECISION NOT NULL DEFAULT 0,
    delay_ms BIGINT,
    worker TEXT NOT NULL DEFAULT '',
    lease_ms BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX watches_due ON watches (state, next_ms);

-- The division of the calls that all looks go by, made anew every few hours: one row. `periods` is JSON: what the last of
-- these hours took.
CREATE TABLE plans (
    number INTEGER PRIMARY KEY,
    planned_ms BIGINT NOT NULL,
    calls_a_day DOUBLE PRECISION NOT NULL,
    creators BIGINT NOT NULL,
    one_unit DOUBLE PRECISION NOT NULL,
    least DOUBLE PRECISION NOT NULL,
    gain DOUBLE PRECISION NOT NULL,
    periods TEXT NOT NULL,
    population BLOB NOT NULL
) WITHOUT ROWID;

-- Events of watched creators that nobody has passed on yet; written along with the event.
CREATE TABLE outbox (
    event TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE INDEX events_of_breakouts ON events (creator, note) WHERE kind = 'breakout';
