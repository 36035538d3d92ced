-- What the web page's activity bars go by.
-- depends: 0001_log

-- migrate: apply

-- The events between which an incident fires. An incident may have thousands of others in between.
CREATE INDEX turns_of_incident ON events (tenant_id, incident_id, position)
    WHERE event_type IN ('incident_opened', 'incident_reopened', 'incident_resolved');

-- migrate: rollback

DROP INDEX turns_of_incident;
