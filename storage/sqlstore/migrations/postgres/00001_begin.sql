-- Ids, and whatever else is compared, use the "C" collation: byte by byte.
-- Times are microseconds since 1970 UTC; NULL is no time. Lists and labels are
-- JSON text, so that one that can't be read refuses its own record alone.
-- States are not listed in a CHECK: a newer release may know more of them.

-- +goose Up
CREATE TABLE tenants (
    id            TEXT COLLATE "C" NOT NULL CHECK (id <> ''),
    display_name  TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state <> ''),
    secret_prefix TEXT NOT NULL,
    version       BIGINT NOT NULL CHECK (version > 0),
    create_time   BIGINT NOT NULL,
    update_time   BIGINT NOT NULL,
    delete_time   BIGINT,
    PRIMARY KEY (id)
);

CREATE TABLE users (
    tenant_id    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id           TEXT COLLATE "C" NOT NULL CHECK (id <> ''),
    display_name TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind <> ''),
    state        TEXT NOT NULL CHECK (state <> ''),
    roles        TEXT NOT NULL,
    version      BIGINT NOT NULL CHECK (version > 0),
    create_time  BIGINT NOT NULL,
    update_time  BIGINT NOT NULL,
    delete_time  BIGINT,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE roles (
    tenant_id    TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id           TEXT COLLATE "C" NOT NULL CHECK (id <> ''),
    display_name TEXT NOT NULL,
    permissions  TEXT NOT NULL,
    version      BIGINT NOT NULL CHECK (version > 0),
    create_time  BIGINT NOT NULL,
    update_time  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE keys (
    id                   TEXT COLLATE "C" NOT NULL CHECK (id <> ''),
    tenant_id            TEXT COLLATE "C" NOT NULL,
    user_id              TEXT COLLATE "C" NOT NULL,
    display_name         TEXT NOT NULL,
    scopes               TEXT NOT NULL,
    allowed_cidrs        TEXT NOT NULL,
    labels               TEXT NOT NULL,
    state                TEXT NOT NULL CHECK (state <> ''),
    start_time           BIGINT,
    expire_time          BIGINT,
    revoke_reason        TEXT NOT NULL,
    revoke_note          TEXT NOT NULL,
    revoke_time          BIGINT,
    version              BIGINT NOT NULL CHECK (version > 0),
    create_time          BIGINT NOT NULL,
    update_time          BIGINT NOT NULL,
    delete_time          BIGINT,
    created_by_tenant_id TEXT COLLATE "C" NOT NULL,
    created_by_user_id   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE INDEX keys_by_tenant ON keys (tenant_id, create_time DESC, id DESC);
CREATE INDEX keys_by_user ON keys (tenant_id, user_id, create_time DESC, id DESC);

-- Position 0 is the secret in use, then the ones before it, newest first.
CREATE TABLE key_secrets (
    digest      BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    key_id      TEXT COLLATE "C" NOT NULL REFERENCES keys (id),
    position    BIGINT NOT NULL CHECK (position >= 0),
    pepper_id   TEXT COLLATE "C" NOT NULL,
    prefix      TEXT NOT NULL,
    last_four   TEXT NOT NULL,
    create_time BIGINT NOT NULL,
    end_time    BIGINT,
    PRIMARY KEY (digest),
    UNIQUE (key_id, position)
);

-- Answers that are given again to a call that repeats its request id.
CREATE TABLE replies (
    tenant_id   TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    request_id  TEXT COLLATE "C" NOT NULL CHECK (request_id <> ''),
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    body        BYTEA NOT NULL,
    time        BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, request_id)
);

-- No foreign key: what happened is told of tenants that are gone, too.
CREATE TABLE audit_heads (
    tenant_id TEXT COLLATE "C" NOT NULL CHECK (tenant_id <> ''),
    sequence  BIGINT NOT NULL CHECK (sequence >= 0),
    hash      BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (tenant_id)
);

CREATE TABLE audit_events (
    tenant_id TEXT COLLATE "C" NOT NULL,
    sequence  BIGINT NOT NULL CHECK (sequence > 0),
    time      BIGINT NOT NULL,
    payload   BYTEA NOT NULL,
    hash      BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (tenant_id, sequence)
);

CREATE TABLE change_log (
    revision BIGINT NOT NULL CHECK (revision > 0),
    refs     TEXT NOT NULL,
    time     BIGINT NOT NULL,
    PRIMARY KEY (revision)
);

-- One row. Its revision numbers the change log; locking it is the last thing a
-- transaction does. Its store_id tells this database from any other.
CREATE TABLE store_state (
    id       BIGINT NOT NULL CHECK (id = 1),
    store_id TEXT COLLATE "C" NOT NULL CHECK (store_id <> ''),
    revision BIGINT NOT NULL CHECK (revision >= 0),
    PRIMARY KEY (id)
);

INSERT INTO store_state (id, store_id, revision) VALUES (1, CAST(gen_random_uuid() AS TEXT), 0);

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
