-- The log, and the tables folded from it.
-- depends:

-- migrate: apply

-- One row per tenant; its lock puts a tenant's writers in order, so positions are handed out in commit order.
CREATE TABLE feeds (
    tenant_id text COLLATE "C" PRIMARY KEY,
    last_position bigint NOT NULL DEFAULT 0
);

CREATE TABLE events (
    tenant_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    event_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    event_type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- json and not jsonb: they are read whole, and stay as they were written.
    incident json NOT NULL,
    change json NOT NULL,
    PRIMARY KEY (tenant_id, position)
);

CREATE INDEX events_of_incident ON events (tenant_id, incident_id, position);

-- Which alerts an event is about. Labels and what comes with them stand where a firing begins, and are null at its end.
CREATE TABLE event_alerts (
    tenant_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    status text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    is_new boolean NOT NULL,
    source text,
    labels jsonb,
    annotations jsonb,
    generator_url text,
    PRIMARY KEY (tenant_id, position, fingerprint)
);

CREATE TABLE incidents (
    id uuid PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    dedup_key text COLLATE "C" NOT NULL,
    status text NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    summary text NOT NULL,
    labels jsonb NOT NULL,
    started_at timestamptz NOT NULL,
    opened_position bigint NOT NULL,
    position bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    firing_alerts integer NOT NULL,
    total_alerts integer NOT NULL,
    reopen_count integer NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    assignee text,
    resolved_at timestamptz,
    resolution text,
    resolved_by text,
    previous_incident_id uuid
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX one_open_incident ON incidents (tenant_id, dedup_key) WHERE status <> 'resolved';
CREATE INDEX incidents_of_key ON incidents (tenant_id, dedup_key, opened_position);
CREATE INDEX incidents_in_order ON incidents (tenant_id, opened_position);
CREATE INDEX open_incidents_in_order ON incidents (tenant_id, opened_position) WHERE status <> 'resolved';

CREATE TABLE alerts (
    tenant_id text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    status text NOT NULL,
    incident_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    position bigint NOT NULL,
    source text NOT NULL,
    labels jsonb NOT NULL,
    annotations jsonb NOT NULL,
    generator_url text NOT NULL,
    PRIMARY KEY (tenant_id, fingerprint)
) WITH (fillfactor = 80);

CREATE INDEX firing_alerts_of_incident ON alerts (tenant_id, incident_id, fingerprint) WHERE status = 'firing';

-- What was last heard of an alert, from whom. Not in the log: a repeat changes this row alone, and none of its indexes.
CREATE TABLE leases (
    tenant_id text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    replica text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    last_received_at timestamptz NOT NULL,
    promised boolean NOT NULL,
    expired boolean NOT NULL,
    resolved_at timestamptz,
    closed_at timestamptz,
    -- When to look whether it has run out. A repeat does not move it; whoever looks too early does.
    check_at timestamptz,
    -- The latest annotations, where they differ from those in alerts.
    annotations jsonb,
    PRIMARY KEY (tenant_id, fingerprint, source, replica, starts_at)
) WITH (fillfactor = 70);

CREATE INDEX leases_to_check ON leases (check_at) WHERE check_at IS NOT NULL;

CREATE TABLE rejected_alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    source text NOT NULL,
    received_at timestamptz NOT NULL,
    place integer,
    reason text NOT NULL,
    excerpt text NOT NULL
);

CREATE INDEX rejected_alerts_of_tenant ON rejected_alerts (tenant_id, id);

-- migrate: rollback

DROP TABLE rejected_alerts, leases, alerts, incidents, event_alerts, events, feeds;
