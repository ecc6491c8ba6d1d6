-- What sources cost us: a question that costs is written down before it is sent, and closed when its end is known.

-- next_ns: when the source's pace lets the next question leave.
CREATE TABLE sources (
    name TEXT PRIMARY KEY,
    next_ns BIGINT NOT NULL DEFAULT 0,
    paused BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Questions and credits by the local date of the source; what is under way, or whose end nobody knows, counts in full.
CREATE TABLE spent (
    source TEXT NOT NULL,
    day TEXT NOT NULL,
    calls BIGINT NOT NULL CHECK (calls >= 0),
    credits BIGINT NOT NULL CHECK (credits >= 0),
    PRIMARY KEY (source, day)
) WITHOUT ROWID;

-- outcome NULL: sent or about to be, and its end is not known.
CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    day TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    credits BIGINT NOT NULL CHECK (credits >= 0),
    outcome TEXT,
    ended_ms BIGINT
) WITHOUT ROWID;

CREATE INDEX attempts_by_source ON attempts (source, id);
