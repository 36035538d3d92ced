-- The signs of life of sources.
-- depends: 0001_log

-- migrate: apply

-- One row for each heartbeat that is watched. Not in the log: what its silence begins and ends is told there as an alert.
CREATE TABLE heartbeats (
    tenant_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    labels jsonb NOT NULL,
    -- The labels of the alerts that it covers.
    covering jsonb NOT NULL,
    last_received_at timestamptz NOT NULL,
    -- From then on it is missing.
    due_at timestamptz NOT NULL,
    -- Since when it is known to be missing; null while it is heard.
    silent_since timestamptz,
    -- When it came back after a silence.
    heard_since timestamptz,
    PRIMARY KEY (tenant_id, source, fingerprint)
);

CREATE INDEX silent_heartbeats ON heartbeats (tenant_id) WHERE silent_since IS NOT NULL;

-- migrate: rollback

DROP TABLE heartbeats;
