-- Which rule of which policy grouped an incident, and what was decided in silence.
-- depends: 0001_log

-- migrate: apply

ALTER TABLE incidents ADD COLUMN rule text NOT NULL DEFAULT '';
ALTER TABLE incidents ADD COLUMN policy_version text NOT NULL DEFAULT '';

-- The last decision about an alert that added nothing to the log, and that no lease tells either: see the query
-- `decisions_of_incident`. One row of an alert at most.
CREATE TABLE silent_decisions (
    tenant_id text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    incident_id uuid NOT NULL,
    reason text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, fingerprint)
) WITH (fillfactor = 80);

-- migrate: rollback

DROP TABLE silent_decisions;
ALTER TABLE incidents DROP COLUMN policy_version;
ALTER TABLE incidents DROP COLUMN rule;
