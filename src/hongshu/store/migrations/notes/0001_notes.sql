-- Notes clustered in the order in which pages show them; raw forms apart, so that a page read never touches them.
CREATE TABLE notes (
    creator TEXT NOT NULL,
    audience TEXT NOT NULL,
    pinned INTEGER NOT NULL CHECK (pinned IN (0, 1)),
    published_ms BIGINT NOT NULL,
    id TEXT NOT NULL,
    missing_since_ms BIGINT,
    pin_rank INTEGER,
    estimated INTEGER NOT NULL,
    shape TEXT NOT NULL,
    kind TEXT,
    title TEXT,
    text TEXT,
    edited_ms BIGINT,
    likes BIGINT,
    collects BIGINT,
    comments BIGINT,
    shares BIGINT,
    inexact TEXT,
    sticky INTEGER,
    goods INTEGER,
    cover_key TEXT,
    hashtags TEXT NOT NULL,
    author TEXT,
    nickname TEXT,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    source TEXT NOT NULL,
    wire BLOB NOT NULL,
    PRIMARY KEY (creator, audience, pinned, published_ms, id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX notes_by_id ON notes (creator, audience, id);

CREATE TABLE raws (
    creator TEXT NOT NULL,
    audience TEXT NOT NULL,
    id TEXT NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (creator, audience, id)
) WITHOUT ROWID;

CREATE TABLE observations (
    creator TEXT NOT NULL,
    audience TEXT NOT NULL,
    note TEXT NOT NULL,
    seen_ms BIGINT NOT NULL,
    likes BIGINT,
    collects BIGINT,
    comments BIGINT,
    shares BIGINT,
    inexact TEXT,
    source TEXT NOT NULL,
    PRIMARY KEY (creator, audience, note, seen_ms)
) WITHOUT ROWID;

-- Which part of a creator's timeline is known without a gap, as of which look: lower inclusive, upper exclusive.
CREATE TABLE stretches (
    creator TEXT NOT NULL,
    audience TEXT NOT NULL,
    upper_ms BIGINT NOT NULL,
    upper_id TEXT NOT NULL,
    lower_ms BIGINT NOT NULL,
    lower_id TEXT NOT NULL,
    seen_ms BIGINT NOT NULL,
    PRIMARY KEY (creator, audience, upper_ms, upper_id)
) WITHOUT ROWID;
