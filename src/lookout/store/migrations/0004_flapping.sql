-- Flapping incidents.
-- depends: 0001_log

-- migrate: apply

ALTER TABLE incidents
ADD COLUMN state_changes jsonb NOT NULL DEFAULT '[]',
ADD COLUMN flapping_until timestamptz;

CREATE INDEX flapping_incidents ON incidents (flapping_until) WHERE flapping_until IS NOT NULL;

-- migrate: rollback

DROP INDEX flapping_incidents;
ALTER TABLE incidents DROP COLUMN state_changes, DROP COLUMN flapping_until;
