-- The processes that answer from this store, and a mark for each change, by which
-- a store that lost its tail and went on is told from the one it was. The release
-- before writes neither.

-- +goose Up
CREATE TABLE replicas (
    id         TEXT NOT NULL CHECK (id <> ''),
    store_id   TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    mark       TEXT NOT NULL,
    bound      INTEGER NOT NULL CHECK (bound > 0),
    renew_time INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;

ALTER TABLE change_log ADD COLUMN mark TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE change_log DROP COLUMN mark;
DROP TABLE replicas;
