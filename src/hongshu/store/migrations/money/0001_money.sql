CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    zone TEXT NOT NULL,
    balance BIGINT NOT NULL DEFAULT 0 CHECK (balance >= 0),
    held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0 AND held <= balance),
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    chain_head BLOB NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    shown_start TEXT NOT NULL,
    scopes TEXT NOT NULL,
    rate_per_minute INTEGER NOT NULL CHECK (rate_per_minute > 0),
    burst INTEGER NOT NULL CHECK (burst > 0),
    daily_quota INTEGER NOT NULL CHECK (daily_quota >= 0),
    expires_ms BIGINT,
    networks TEXT NOT NULL DEFAULT '[]',
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created_ms BIGINT NOT NULL
);

CREATE INDEX tokens_by_account ON tokens (account);

-- Each row holds the keyed SHA-256 of the account's previous row and its own fields; accounts.chain_head is the last one.
CREATE TABLE ledger (
    id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    account TEXT NOT NULL REFERENCES accounts (id),
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
    chain BLOB NOT NULL
);

CREATE INDEX ledger_by_account ON ledger (account, id);
CREATE UNIQUE INDEX ledger_by_request ON ledger (request_id) WHERE request_id IS NOT NULL AND kind = 'charge';

CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'ledger rows are immutable'); END;

CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'ledger rows are immutable'); END;

CREATE TABLE calls (
    request_id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    account TEXT NOT NULL,
    token_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    code INTEGER NOT NULL,
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL,
    duration_ms INTEGER NOT NULL,
    source TEXT
);

CREATE TABLE operators (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX operators_by_name ON operators (name) WHERE active = 1;
