-- Flapping incidents.
-- depends: 0001_log

-- migrate: apply

ALTER TABLE incidents
ADD COLUMN state_changes jsonb NOT NULL DEFAULT '[]',
ADD COLUMN flapping_until timestamptz;

CREATE INDEX flapping_incidents ON incidents (flapping_until) WHERE flapping_until IS NOT NULL;
CREATE INDEX ends_of_flapping ON events (tenant_id, incident_id) WHERE event_type = 'incident_flapping_ended';

-- migrate: rollback

DROP INDEX flapping_incidents, ends_of_flapping;
ALTER TABLE incidents DROP COLUMN state_changes, DROP COLUMN flapping_until;
