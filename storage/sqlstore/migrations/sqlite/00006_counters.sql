-- What was taken of rate limits and quotas. Ids are digests. Nothing refers to a
-- record, and the release before knows neither table.

-- +goose Up
-- A row is the moment at which a state is whole, in nanoseconds since 1970 UTC.
CREATE TABLE rate_counters (
    id  BLOB NOT NULL CHECK (length(id) = 16),
    tat INTEGER NOT NULL CHECK (tat >= 0),
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

-- A row is what a quota's newest period has beyond the limit, and what was taken of
-- it. owner is the tenant that it goes with; keep_until is when it may be forgotten.
CREATE TABLE quota_counters (
    id         BLOB NOT NULL CHECK (length(id) = 16),
    owner      TEXT NOT NULL,
    period     INTEGER NOT NULL,
    taken      INTEGER NOT NULL CHECK (taken >= 0),
    carried    INTEGER NOT NULL CHECK (carried >= 0),
    granted    INTEGER NOT NULL CHECK (granted >= 0),
    keep_until INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX quota_counters_by_owner ON quota_counters (owner);

-- +goose Down
DROP TABLE quota_counters;
DROP TABLE rate_counters;
