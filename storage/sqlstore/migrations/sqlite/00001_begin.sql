-- Text compares byte by byte: BINARY is the collation SQLite uses.
-- Times are microseconds since 1970 UTC; NULL is no time. Lists and labels are
-- JSON text, so that one that can't be read refuses its own record alone.
-- States are not listed in a CHECK: a newer release may know more of them.

-- +goose Up
CREATE TABLE tenants (
    id            TEXT NOT NULL CHECK (id <> ''),
    display_name  TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state <> ''),
    secret_prefix TEXT NOT NULL,
    version       INTEGER NOT NULL CHECK (version > 0),
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    delete_time   INTEGER,
    PRIMARY KEY (id)
) STRICT;

CREATE TABLE users (
    tenant_id    TEXT NOT NULL REFERENCES tenants (id),
    id           TEXT NOT NULL CHECK (id <> ''),
    display_name TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind <> ''),
    state        TEXT NOT NULL CHECK (state <> ''),
    roles        TEXT NOT NULL,
    version      INTEGER NOT NULL CHECK (version > 0),
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    delete_time  INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE roles (
    tenant_id    TEXT NOT NULL REFERENCES tenants (id),
    id           TEXT NOT NULL CHECK (id <> ''),
    display_name TEXT NOT NULL,
    permissions  TEXT NOT NULL,
    version      INTEGER NOT NULL CHECK (version > 0),
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE keys (
    id                   TEXT NOT NULL CHECK (id <> ''),
    tenant_id            TEXT NOT NULL,
    user_id              TEXT NOT NULL,
    display_name         TEXT NOT NULL,
    scopes               TEXT NOT NULL,
    allowed_cidrs        TEXT NOT NULL,
    labels               TEXT NOT NULL,
    state                TEXT NOT NULL CHECK (state <> ''),
    start_time           INTEGER,
    expire_time          INTEGER,
    revoke_reason        TEXT NOT NULL,
    revoke_note          TEXT NOT NULL,
    revoke_time          INTEGER,
    version              INTEGER NOT NULL CHECK (version > 0),
    create_time          INTEGER NOT NULL,
    update_time          INTEGER NOT NULL,
    delete_time          INTEGER,
    created_by_tenant_id TEXT NOT NULL,
    created_by_user_id   TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;

CREATE INDEX keys_by_tenant ON keys (tenant_id, create_time DESC, id DESC);
CREATE INDEX keys_by_user ON keys (tenant_id, user_id, create_time DESC, id DESC);

-- Position 0 is the secret in use, then the ones before it, newest first.
CREATE TABLE key_secrets (
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    key_id      TEXT NOT NULL REFERENCES keys (id),
    position    INTEGER NOT NULL CHECK (position >= 0),
    pepper_id   TEXT NOT NULL,
    prefix      TEXT NOT NULL,
    last_four   TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    end_time    INTEGER,
    PRIMARY KEY (digest),
    UNIQUE (key_id, position)
) STRICT;

-- Answers that are given again to a call that repeats its request id.
CREATE TABLE replies (
    tenant_id   TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    request_id  TEXT NOT NULL CHECK (request_id <> ''),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    body        BLOB NOT NULL,
    time        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id, request_id)
) STRICT;

-- No foreign key: what happened is told of tenants that are gone, too.
CREATE TABLE audit_heads (
    tenant_id TEXT NOT NULL CHECK (tenant_id <> ''),
    sequence  INTEGER NOT NULL CHECK (sequence >= 0),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id)
) STRICT;

CREATE TABLE audit_events (
    tenant_id TEXT NOT NULL,
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    time      INTEGER NOT NULL,
    payload   BLOB NOT NULL,
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id, sequence)
) STRICT;

CREATE TABLE change_log (
    revision INTEGER NOT NULL CHECK (revision > 0),
    refs     TEXT NOT NULL,
    time     INTEGER NOT NULL,
    PRIMARY KEY (revision)
) STRICT;

-- One row. Its revision numbers the change log; locking it is the last thing a
-- transaction does. Its store_id tells this database from any other.
CREATE TABLE store_state (
    id       INTEGER NOT NULL CHECK (id = 1),
    store_id TEXT NOT NULL CHECK (store_id <> ''),
    revision INTEGER NOT NULL CHECK (revision >= 0),
    PRIMARY KEY (id)
) STRICT;

INSERT INTO store_state (id, store_id, revision) VALUES (1, lower(hex(randomblob(16))), 0);

-- +goose Down
DROP TABLE store_state;
DROP TABLE change_log;
DROP TABLE audit_events;
DROP TABLE audit_heads;
DROP TABLE replies;
DROP TABLE key_secrets;
DROP TABLE keys;
DROP TABLE roles;
DROP TABLE users;
DROP TABLE tenants;
