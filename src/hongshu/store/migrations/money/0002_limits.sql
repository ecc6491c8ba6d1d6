-- Limits, holds, idempotency, usage; ledger and call log in the order in which they are read and written.

ALTER TABLE accounts ADD COLUMN entries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
ALTER TABLE accounts ADD COLUMN low_balance BIGINT NOT NULL DEFAULT 0 CHECK (low_balance >= 0);

-- Rotation: the secret before the present one, good until its grace ends. tat_ns: when a rate of one call at a time
-- would let the next one in ("theoretical arrival time").
ALTER TABLE tokens ADD COLUMN former_hash BLOB;
ALTER TABLE tokens ADD COLUMN former_until_ms BIGINT;
ALTER TABLE tokens ADD COLUMN tat_ns BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX tokens_by_former_hash ON tokens (former_hash) WHERE former_hash IS NOT NULL;

-- Units of a token's daily quota in use, by the local date of its account; never reset.
CREATE TABLE quotas (
    token_id TEXT NOT NULL,
    day TEXT NOT NULL,
    used BIGINT NOT NULL CHECK (used >= 0),
    PRIMARY KEY (token_id, day)
) WITHOUT ROWID;

-- What calls in flight have reserved; whoever lets the lease end gives it back.
CREATE TABLE holds (
    request_id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    token_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    day TEXT NOT NULL,
    worker TEXT NOT NULL,
    lease_ms BIGINT NOT NULL,
    began_ms BIGINT NOT NULL,
    idempotency_key TEXT,
    question TEXT
) WITHOUT ROWID;

CREATE UNIQUE INDEX holds_by_key ON holds (account, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Answers that were paid for under an Idempotency-Key, as they left; zstd.
CREATE TABLE answers (
    account TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    question TEXT NOT NULL,
    request_id TEXT NOT NULL,
    source TEXT NOT NULL,
    recorded_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (account, idempotency_key)
);

CREATE INDEX answers_by_end ON answers (until_ms);

-- Each row holds the keyed SHA-256 of the account's previous row and its own fields; accounts.chain_head is the last
-- one, accounts.entries its number.
CREATE TABLE numbered_ledger (
    account TEXT NOT NULL REFERENCES accounts (id),
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    token_id TEXT,
    kind TEXT NOT NULL CHECK (kind IN ('topup', 'charge', 'refund', 'adjust')),
    amount BIGINT NOT NULL,
    balance_after BIGINT NOT NULL CHECK (balance_after >= 0),
    request_id TEXT,
    idempotency_key TEXT,
    endpoint TEXT,
    source TEXT,
    cache TEXT,
    reference TEXT,
    chain BLOB NOT NULL,
    PRIMARY KEY (account, number)
) WITHOUT ROWID;

INSERT INTO numbered_ledger
SELECT account, row_number() OVER (PARTITION BY account ORDER BY rowid), id, at_ms, token_id, kind, amount,
    balance_after, request_id, idempotency_key, endpoint, source, cache, reference, chain FROM ledger;

UPDATE accounts SET entries = (SELECT count(*) FROM ledger WHERE ledger.account = accounts.id);

DROP TABLE ledger;
ALTER TABLE numbered_ledger RENAME TO ledger;

-- The entry of a charge is named after its request, so that no request is charged twice.
CREATE UNIQUE INDEX ledger_by_id ON ledger (id);
CREATE UNIQUE INDEX ledger_by_refund ON ledger (reference) WHERE kind = 'refund';

CREATE TRIGGER ledger_stays_as_written BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'ledger rows are immutable'); END;

CREATE TRIGGER ledger_stays_whole BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'ledger rows are immutable'); END;

CREATE TABLE call_log (
    request_id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    account TEXT NOT NULL,
    token_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    code INTEGER NOT NULL,
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    source TEXT,
    keyed INTEGER NOT NULL DEFAULT 0 CHECK (keyed IN (0, 1)),
    delivered INTEGER NOT NULL DEFAULT 0 CHECK (delivered IN (0, 1))
) WITHOUT ROWID;

INSERT INTO call_log
SELECT request_id, at_ms, account, token_id, endpoint, code, kind, amount, duration_ms, source, 0, 1 FROM calls;

DROP TABLE calls;
ALTER TABLE call_log RENAME TO calls;

-- Calls and credits by the hour of the account's zone; written with the calls themselves and kept when those are gone.
CREATE TABLE usage (
    account TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    token_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    code INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    calls BIGINT NOT NULL,
    credits BIGINT NOT NULL,
    PRIMARY KEY (account, hour_ms, token_id, endpoint, code, kind, source)
) WITHOUT ROWID;

-- Whose key hashes these tokens and chains this ledger.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key_check BLOB NOT NULL
);

INSERT INTO usage
SELECT account, at_ms / 3600000 * 3600000, token_id, endpoint, code, kind, coalesce(source, ''), count(*), sum(amount)
FROM calls GROUP BY 1, 2, 3, 4, 5, 6, 7;
