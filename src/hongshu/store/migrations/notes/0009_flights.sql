-- Askings for a page that several processes share: `id` asks until `lease_ms`, the others wait for its `outcome`. `told`
-- is JSON for a page that was kept, else why there is none. Of one question the highest number is the newest.
CREATE TABLE flights (
    creator TEXT NOT NULL,
    cursor TEXT NOT NULL,
    audience TEXT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    began_ms BIGINT NOT NULL,
    lease_ms BIGINT NOT NULL,
    outcome TEXT,
    told TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (creator, cursor, audience, number)
) WITHOUT ROWID;

CREATE INDEX flights_by_lease ON flights (lease_ms);
