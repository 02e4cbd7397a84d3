-- What replicas share of rate limits and quotas. Ids are digests. Nothing refers to a
-- record, and the release before knows neither table.
-- Counters change all the time: the room left in each page, and no index on what
-- changes, let an update stay in its page and be tidied up there.

-- +goose Up
-- A row is the moment at which a state is whole, in nanoseconds since 1970 UTC.
CREATE TABLE rate_counters (
    id  BYTEA NOT NULL CHECK (octet_length(id) = 16),
    tat BIGINT NOT NULL CHECK (tat >= 0),
    PRIMARY KEY (id)
) WITH (fillfactor = 50);

-- A row is what a quota's newest period has beyond the limit, and what was taken of
-- it. owner is the tenant that it goes with; keep_until is when it may be forgotten.
CREATE TABLE quota_counters (
    id         BYTEA NOT NULL CHECK (octet_length(id) = 16),
    owner      TEXT COLLATE "C" NOT NULL,
    period     BIGINT NOT NULL,
    taken      BIGINT NOT NULL CHECK (taken >= 0),
    carried    BIGINT NOT NULL CHECK (carried >= 0),
    granted    BIGINT NOT NULL CHECK (granted >= 0),
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 70);

CREATE INDEX quota_counters_by_owner ON quota_counters (owner);

-- +goose Down
DROP TABLE quota_counters;
DROP TABLE rate_counters;
