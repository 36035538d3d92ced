-- Investigations: what was found out about incidents.
-- depends: 0001_log

-- migrate: apply

-- A part of the log, as event_alerts is: an event tells of it, and the whole stands here. An incident has a report once.
CREATE TABLE investigations (
    tenant_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    incident_id uuid NOT NULL,
    report_id text COLLATE "C" NOT NULL,
    investigator text NOT NULL,
    summary text NOT NULL,
    root_cause text NOT NULL,
    recommendations jsonb NOT NULL,
    confidence double precision,
    link text NOT NULL,
    attached_at timestamptz NOT NULL,
    attached_by text NOT NULL,
    PRIMARY KEY (tenant_id, position),
    -- Whoever removes an event removes what it tells of.
    FOREIGN KEY (tenant_id, position) REFERENCES events (tenant_id, position) ON DELETE CASCADE
);

-- It also finds the investigations of an incident, which are few.
CREATE UNIQUE INDEX one_report_of_incident ON investigations (tenant_id, incident_id, report_id);

ALTER TABLE incidents ADD COLUMN investigation_count integer NOT NULL DEFAULT 0;

-- migrate: rollback

ALTER TABLE incidents DROP COLUMN investigation_count;
DROP TABLE investigations;
