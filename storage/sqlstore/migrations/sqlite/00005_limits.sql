-- Limits, and the plans that give them to subscriptions. Everything here is added,
-- with defaults, so that the previous release goes on reading and writing; what it
-- writes keeps the limits that are there.

-- +goose Up
ALTER TABLE tenants ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';

CREATE TABLE plans (
    tenant_id    TEXT NOT NULL REFERENCES tenants (id),
    id           TEXT NOT NULL CHECK (id <> ''),
    display_name TEXT NOT NULL,
    limits       TEXT NOT NULL,
    version      INTEGER NOT NULL CHECK (version > 0),
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

ALTER TABLE apis ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';

-- No foreign key leads from a subscription to its plan: what earlier releases took
-- for one is any text. The index finds the subscriptions that have a plan.
CREATE INDEX subscriptions_by_plan ON subscriptions (api_tenant_id, plan) WHERE plan <> '';

ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE keys DROP COLUMN limits;
DROP INDEX subscriptions_by_plan;
ALTER TABLE apis DROP COLUMN limits;
DROP TABLE plans;
ALTER TABLE users DROP COLUMN limits;
ALTER TABLE tenants DROP COLUMN limits;
