-- APIs that let CORS preflights through. The column has a default, so that the
-- previous release goes on reading and writing; what it writes lets none through.
-- The table is locked for a moment only: whoever stands behind a long reader
-- gives way, and is tried again.

-- +goose Up
SET LOCAL lock_timeout = '1s';

ALTER TABLE apis ADD COLUMN allow_preflight BIGINT NOT NULL DEFAULT 0 CHECK (allow_preflight IN (0, 1));

-- +goose Down
ALTER TABLE apis DROP COLUMN allow_preflight;
