-- How far each tenant's log has gone out to a feed that keeps no position itself, as Kafka.
-- depends: 0001_log

-- migrate: apply

-- The feeds that were ever switched on, so that what was in the log before that is not sent by itself.
CREATE TABLE relay_feeds (
    feed text COLLATE "C" PRIMARY KEY,
    begun_at timestamptz NOT NULL
);

-- A row's lock says who sends: replicas share the tenants, and pass over those that another one has.
CREATE TABLE relays (
    feed text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    -- Set while the other side refuses the event after `position` for good.
    retry_at timestamptz,
    refused_because text,
    PRIMARY KEY (feed, tenant_id)
) WITH (fillfactor = 80);

CREATE INDEX parked_relays ON relays (feed, retry_at) WHERE retry_at IS NOT NULL;

-- migrate: rollback

DROP TABLE relays, relay_feeds;
