-- Where news goes. `address` is a secret; a channel that hears of `sources` is told of trouble with them.
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    created_ms BIGINT NOT NULL,
    address TEXT NOT NULL,
    lang TEXT NOT NULL,
    zone TEXT NOT NULL,
    quiet_hours TEXT NOT NULL,
    digest TEXT NOT NULL,
    sources INTEGER NOT NULL
) WITHOUT ROWID;

-- Channels that receivers closed, of the table and of the settings alike.
CREATE TABLE closures (
    channel TEXT PRIMARY KEY,
    closed_ms BIGINT NOT NULL,
    why TEXT NOT NULL
) WITHOUT ROWID;

-- Who is told what: everyone's events, a group's or a creator's, of some kinds (empty: the usual ones), on a channel.
CREATE TABLE rules (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    who TEXT NOT NULL,
    kinds TEXT NOT NULL,
    channel TEXT NOT NULL
) WITHOUT ROWID;

CREATE UNIQUE INDEX rules_once ON rules (scope, who, kinds, channel);

-- What is told on a channel, one event or a digest of several, and how that went; `news` is JSON.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    digest INTEGER NOT NULL,
    created_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    last_ms BIGINT,
    status TEXT NOT NULL,
    worker TEXT NOT NULL,
    lease_ms BIGINT NOT NULL,
    news TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (state, channel, due_ms);

-- Sources about whose trouble channels were told, and since when it lasts.
CREATE TABLE troubles (
    source TEXT PRIMARY KEY,
    since_ms BIGINT NOT NULL,
    why TEXT NOT NULL
) WITHOUT ROWID;
