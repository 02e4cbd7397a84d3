-- APIs that let CORS preflights through. The column has a default, so that the
-- previous release goes on reading and writing; what it writes lets none through.

-- +goose Up
ALTER TABLE apis ADD COLUMN allow_preflight INTEGER NOT NULL DEFAULT 0 CHECK (allow_preflight IN (0, 1));

-- +goose Down
ALTER TABLE apis DROP COLUMN allow_preflight;
