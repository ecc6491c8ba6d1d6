-- Feeds that readers may fetch: of everyone, a group or a creator. Only a hash of the key in the address is kept.
CREATE TABLE feeds (
    id TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    who TEXT NOT NULL,
    lang TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    read_ms BIGINT,
    active INTEGER NOT NULL
) WITHOUT ROWID;

-- For feeds of everyone: the newest events, whoever they are about.
CREATE INDEX events_by_time ON events (audience, kind, seen_ms);
