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

-- What fires though nobody has spoken of it since its source fell silent: each lease that may hold it is covered by a
-- silent heartbeat, and was not renewed since. Whoever asks asks for tenants that have a silent heartbeat.
CREATE VIEW stale_alerts AS
SELECT a.tenant_id, a.fingerprint
FROM alerts AS a
WHERE a.status = 'firing'
    AND NOT EXISTS (
        SELECT
        FROM leases AS l
        WHERE l.tenant_id = a.tenant_id
            AND l.fingerprint = a.fingerprint
            AND NOT l.expired
            AND l.closed_at IS NULL
            AND (l.resolved_at IS NULL OR (l.promised AND l.ends_at > l.resolved_at))
            AND NOT EXISTS (
                SELECT
                FROM heartbeats AS h
                WHERE h.tenant_id = l.tenant_id
                    AND h.source = l.source
                    AND h.silent_since >= l.last_received_at
                    AND a.labels @> h.covering
            )
    );

-- migrate: rollback

DROP VIEW stale_alerts;
DROP TABLE heartbeats;
