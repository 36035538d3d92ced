-- What is postponed: changes of alerts whose incident has told enough for the moment.
-- depends: 0001_log

-- migrate: apply

-- Beside the log, as leases are. One row for each alert; the due time is the same for all of a group. Labels and what
-- comes with them stand where a firing begins, and are null at its end, as in event_alerts.
CREATE TABLE postponed_alerts (
    tenant_id text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    dedup_key text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    status text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    resolution text NOT NULL,
    source text,
    labels jsonb,
    annotations jsonb,
    generator_url text,
    PRIMARY KEY (tenant_id, fingerprint)
);

CREATE INDEX postponed_alerts_of_group ON postponed_alerts (tenant_id, dedup_key, due_at);
CREATE INDEX postponed_alerts_due ON postponed_alerts (due_at);

-- migrate: rollback

DROP TABLE postponed_alerts;
