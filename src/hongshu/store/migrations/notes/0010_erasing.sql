-- Creators that were erased, as keyed hashes in hex: nothing is kept of them again.
CREATE TABLE tombstones (
    creator_hash TEXT PRIMARY KEY,
    erased_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- Whose cover an image is, so that it goes with its creator; empty where it was kept before that was written down.
ALTER TABLE covers ADD COLUMN creator TEXT NOT NULL DEFAULT '';
CREATE INDEX covers_of_creators ON covers (creator);
CREATE INDEX covers_by_time ON covers (kept_ms);
