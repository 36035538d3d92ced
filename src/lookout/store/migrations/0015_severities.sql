-- Lists of the incidents of a severity that is rare, without a look at all others.
-- depends: 0001_log

-- migrate: apply

-- Of what is over alone: an incident that opens touches it not, and those that are open are few enough to look through.
CREATE INDEX IF NOT EXISTS resolved_incidents_of_severity ON incidents (tenant_id, severity, opened_position)
    WHERE status = 'resolved';
-- Where nearly all are of one severity PostgreSQL would take it for the only one, and look for a rare one among all.
ALTER TABLE incidents ALTER COLUMN severity SET (n_distinct = 4);
ANALYZE incidents;

-- migrate: rollback

ALTER TABLE incidents ALTER COLUMN severity RESET (n_distinct);
DROP INDEX resolved_incidents_of_severity;
