-- The directory around a key. Everything here is added, with defaults, so that
-- the previous release goes on reading and writing.

-- +goose Up
ALTER TABLE tenants ADD COLUMN hosts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tenants ADD COLUMN key_policy TEXT NOT NULL DEFAULT '{}';

CREATE TABLE apis (
    tenant_id             TEXT NOT NULL REFERENCES tenants (id),
    id                    TEXT NOT NULL CHECK (id <> ''),
    display_name          TEXT NOT NULL,
    visibility            TEXT NOT NULL CHECK (visibility <> ''),
    state                 TEXT NOT NULL CHECK (state <> ''),
    deprecate_time        INTEGER,
    sunset_time           INTEGER,
    subscription_required INTEGER NOT NULL CHECK (subscription_required IN (0, 1)),
    routes                TEXT NOT NULL,
    version               INTEGER NOT NULL CHECK (version > 0),
    create_time           INTEGER NOT NULL,
    update_time           INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- Without a user the subscriber is the whole tenant. The foreign key to the API
-- keeps what was approved for one API from reaching another that comes to have
-- its id.
CREATE TABLE subscriptions (
    id            TEXT NOT NULL CHECK (id <> ''),
    tenant_id     TEXT NOT NULL REFERENCES tenants (id),
    user_id       TEXT CHECK (user_id <> ''),
    api_tenant_id TEXT NOT NULL,
    api_id        TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state <> ''),
    note          TEXT NOT NULL,
    plan          TEXT NOT NULL,
    reason        TEXT NOT NULL,
    expire_time   INTEGER,
    version       INTEGER NOT NULL CHECK (version > 0),
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (api_tenant_id, api_id) REFERENCES apis (tenant_id, id)
) STRICT;

CREATE INDEX subscriptions_by_tenant ON subscriptions (tenant_id, create_time DESC, id DESC);
CREATE INDEX subscriptions_by_user ON subscriptions (tenant_id, user_id, create_time DESC, id DESC);
CREATE INDEX subscriptions_by_api_tenant ON subscriptions (api_tenant_id, create_time DESC, id DESC);
CREATE INDEX subscriptions_by_api ON subscriptions (api_tenant_id, api_id, create_time DESC, id DESC);

ALTER TABLE keys ADD COLUMN apis TEXT NOT NULL DEFAULT '[]';
ALTER TABLE keys ADD COLUMN secret_prefix TEXT NOT NULL DEFAULT '';

-- When keys and users were last used. No foreign keys: to note a use must not
-- wait for who manages the key, nor the other way round.
CREATE TABLE key_usage (
    key_id TEXT NOT NULL CHECK (key_id <> ''),
    time   INTEGER NOT NULL,
    PRIMARY KEY (key_id)
) STRICT;

CREATE TABLE user_usage (
    tenant_id TEXT NOT NULL,
    user_id   TEXT NOT NULL CHECK (user_id <> ''),
    time      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT;

-- Refusals that are kept for a while.
CREATE TABLE decisions (
    id            TEXT NOT NULL CHECK (id <> ''),
    tenant_id     TEXT NOT NULL,
    api_tenant_id TEXT NOT NULL,
    time          INTEGER NOT NULL,
    payload       BLOB NOT NULL,
    PRIMARY KEY (id)
) STRICT;

CREATE INDEX decisions_by_time ON decisions (time);

-- +goose Down
DROP TABLE decisions;
DROP TABLE user_usage;
DROP TABLE key_usage;
ALTER TABLE keys DROP COLUMN secret_prefix;
ALTER TABLE keys DROP COLUMN apis;
DROP TABLE subscriptions;
DROP TABLE apis;
ALTER TABLE tenants DROP COLUMN key_policy;
ALTER TABLE tenants DROP COLUMN hosts;
