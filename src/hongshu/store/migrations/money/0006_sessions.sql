-- Who may be at the console: links that open one session each, and open sessions. Only keyed hashes of their secrets are
-- kept. `who` is an account's or an operator's id.
CREATE TABLE login_links (
    link_hash BLOB PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('account', 'operator')),
    who TEXT NOT NULL,
    read_only INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
    session_hash BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('account', 'operator')),
    who TEXT NOT NULL,
    read_only INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    created_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;
