-- What collecting adds: in how many complete walks in a row a note was absent, events, the state of timelines, what is
-- told of creators, and batches with their targets.
ALTER TABLE notes ADD COLUMN absent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notes ADD COLUMN absent_ms BIGINT;

CREATE TABLE events (
    id TEXT PRIMARY KEY,
    creator TEXT NOT NULL,
    audience TEXT NOT NULL,
    note TEXT NOT NULL,
    kind TEXT NOT NULL,
    seen_ms BIGINT NOT NULL,
    source TEXT NOT NULL,
    details TEXT NOT NULL
) WITHOUT ROWID;

CREATE UNIQUE INDEX events_of_creators ON events (creator, audience, seen_ms, note, kind);

-- The newest place of the last complete walk, as of when that walk looked, and the same of the last one to the end.
CREATE TABLE timelines (
    creator TEXT NOT NULL,
    audience TEXT NOT NULL,
    mark_ms BIGINT NOT NULL,
    mark_id TEXT NOT NULL,
    complete_ms BIGINT NOT NULL,
    whole_ms BIGINT NOT NULL,
    PRIMARY KEY (creator, audience)
) WITHOUT ROWID;

-- What operators and other tools tell of creators, as of a time.
CREATE TABLE profiles (
    creator TEXT NOT NULL,
    as_of_ms BIGINT NOT NULL,
    nickname TEXT,
    followers BIGINT,
    price TEXT,
    currency TEXT,
    source TEXT NOT NULL,
    PRIMARY KEY (creator, as_of_ms)
) WITHOUT ROWID;

CREATE TABLE memberships (
    name TEXT NOT NULL,
    creator TEXT NOT NULL,
    PRIMARY KEY (name, creator)
) WITHOUT ROWID;

CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    created_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    orders TEXT NOT NULL
) WITHOUT ROWID;

-- One creator of a batch. `worker` has it in hand until `lease_ms`; `walk` is where it stands after its last saved page.
CREATE TABLE targets (
    batch TEXT NOT NULL,
    number INTEGER NOT NULL,
    creator TEXT NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    worker TEXT NOT NULL,
    lease_ms BIGINT NOT NULL,
    walk TEXT NOT NULL,
    pages INTEGER NOT NULL,
    notes INTEGER NOT NULL,
    fresh INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (batch, number)
) WITHOUT ROWID;

CREATE INDEX targets_due ON targets (batch, state, due_ms, number);

-- Kept cover images, by the media key that notes name; files lie under their SHA-256.
CREATE TABLE covers (
    media TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    kind TEXT NOT NULL,
    kept_ms BIGINT NOT NULL
) WITHOUT ROWID;
