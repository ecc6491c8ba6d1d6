-- How sources do: counts by the local hour of the source ("2026-11-23T14"), what is unusual about their fields, and
-- their last answers. It may lag a few seconds.
CREATE TABLE tallies (
    source TEXT NOT NULL,
    hour TEXT NOT NULL,
    what TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (source, hour, what, name)
) WITHOUT ROWID;

CREATE TABLE alarms (
    source TEXT NOT NULL,
    field TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (source, field)
) WITHOUT ROWID;

ALTER TABLE sources ADD COLUMN good_ms BIGINT;
ALTER TABLE sources ADD COLUMN bad_ms BIGINT;
ALTER TABLE sources ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
