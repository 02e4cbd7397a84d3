-- The processes that answer from this store, and a mark for each change, by which
-- a store that lost its tail and went on is told from the one it was. The release
-- before writes neither.

-- +goose Up
CREATE TABLE replicas (
    id         TEXT COLLATE "C" NOT NULL CHECK (id <> ''),
    store_id   TEXT COLLATE "C" NOT NULL,
    revision   BIGINT NOT NULL,
    mark       TEXT COLLATE "C" NOT NULL,
    bound      BIGINT NOT NULL CHECK (bound > 0),
    renew_time BIGINT NOT NULL,
    PRIMARY KEY (id)
);

ALTER TABLE change_log ADD COLUMN mark TEXT COLLATE "C" NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE change_log DROP COLUMN mark;
DROP TABLE replicas;
