-- What was received, counted; and what the reads of history, figures and related incidents go by.
-- depends: 0001_log

-- migrate: apply

-- Counts of what senders sent, by the hour in UTC. Statistics beside the log: every process adds to them.
CREATE TABLE received (
    tenant_id text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    -- Refused ones too; `rejected` counts those alone.
    alerts bigint NOT NULL,
    rejected bigint NOT NULL,
    last_received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, hour, source)
);

-- Events up to here are not kept any more: the log begins after it.
ALTER TABLE feeds ADD COLUMN pruned_position bigint NOT NULL DEFAULT 0;

-- At which position the log was at a time.
CREATE INDEX events_in_time ON events (tenant_id, recorded_at, position);

-- Incidents by their times, and those that were over by the position of their last event.
CREATE INDEX incidents_in_time ON incidents (tenant_id, started_at);
CREATE INDEX resolved_incidents_in_time ON incidents (tenant_id, resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX resolved_incidents_in_order ON incidents (tenant_id, position, opened_position)
    WHERE status = 'resolved';

-- migrate: rollback

DROP INDEX resolved_incidents_in_order, resolved_incidents_in_time, incidents_in_time, events_in_time;
ALTER TABLE feeds DROP COLUMN pruned_position;
DROP TABLE received;
