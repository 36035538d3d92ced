-- Every statement that Lookout runs, by name. Times are arguments: no statement reads a clock.

-- name: open_feeds
INSERT INTO feeds (tenant_id)
SELECT unnest($1::text[])
ON CONFLICT DO NOTHING

-- name: lock_feeds
-- In one order everywhere, so that two writers of the same tenants wait for each other and do not deadlock.
SELECT tenant_id, last_position
FROM feeds
WHERE tenant_id = ANY ($1::text[])
ORDER BY tenant_id
FOR UPDATE

-- name: renew_leases
-- A repeat: only a lease that stands can be renewed; what is not returned has to be decided.
UPDATE leases AS l
SET ends_at = greatest(l.ends_at, r.ends_at), last_received_at = greatest(l.last_received_at, $7)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    WITH ORDINALITY AS r (tenant_id, fingerprint, source, replica, starts_at, ends_at, place)
WHERE l.tenant_id = r.tenant_id
    AND l.fingerprint = r.fingerprint
    AND l.source = r.source
    AND l.replica = r.replica
    AND l.starts_at = r.starts_at
    AND l.resolved_at IS NULL
    AND l.closed_at IS NULL
    AND NOT l.expired
RETURNING r.place

-- name: load_alerts
SELECT a.*
FROM unnest($1::text[], $2::text[]) AS k (tenant_id, fingerprint)
JOIN alerts AS a USING (tenant_id, fingerprint)

-- name: load_leases
-- Locked: a repeat that arrives meanwhile waits, and then finds what was decided.
SELECT l.*
FROM unnest($1::text[], $2::text[]) AS k (tenant_id, fingerprint)
JOIN leases AS l USING (tenant_id, fingerprint)
ORDER BY l.tenant_id, l.fingerprint
FOR UPDATE OF l

-- name: load_incidents
-- The open incident of each key, else its last one: a new one opens only when none is open.
SELECT i.*
FROM unnest($1::text[], $2::text[]) AS k (tenant_id, dedup_key)
CROSS JOIN LATERAL (
    SELECT *
    FROM incidents
    WHERE tenant_id = k.tenant_id AND dedup_key = k.dedup_key
    ORDER BY opened_position DESC
    LIMIT 1
) AS i

-- name: load_incidents_by_id
SELECT * FROM incidents WHERE id = ANY ($1::uuid[])

-- name: load_firing_alerts
SELECT * FROM alerts WHERE tenant_id = $1 AND incident_id = $2 AND status = 'firing'

-- name: load_reports
SELECT i.tenant_id, i.incident_id, i.report_id
FROM unnest($1::text[], $2::uuid[], $3::text[]) AS k (tenant_id, incident_id, report_id)
JOIN investigations AS i USING (tenant_id, incident_id, report_id)

-- name: append_events
INSERT INTO events (
    tenant_id, position, event_id, incident_id, event_type, occurred_at, recorded_at, incident, change
)
SELECT *
FROM unnest(
    $1::text[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::json[],
    $9::json[]
)

-- name: append_event_alerts
INSERT INTO event_alerts (
    tenant_id, position, fingerprint, status, starts_at, ends_at, is_new, source, labels, annotations, generator_url
)
SELECT *
FROM unnest(
    $1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::boolean[], $8::text[],
    $9::jsonb[], $10::jsonb[], $11::text[]
)

-- name: append_investigations
INSERT INTO investigations (
    tenant_id, position, incident_id, report_id, investigator, summary, root_cause, recommendations, confidence, link,
    attached_at, attached_by
)
SELECT *
FROM unnest(
    $1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
    $9::double precision[], $10::text[], $11::timestamptz[], $12::text[]
)

-- name: write_incidents
INSERT INTO incidents (
    id, tenant_id, dedup_key, status, severity, title, summary, labels, started_at, opened_position, position,
    updated_at, firing_alerts, total_alerts, reopen_count, acknowledged_at, acknowledged_by, assignee, resolved_at,
    resolution, resolved_by, previous_incident_id, investigation_count
)
SELECT *
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::timestamptz[],
    $10::bigint[], $11::bigint[], $12::timestamptz[], $13::integer[], $14::integer[], $15::integer[],
    $16::timestamptz[], $17::text[], $18::text[], $19::timestamptz[], $20::text[], $21::text[], $22::uuid[],
    $23::integer[]
)
ON CONFLICT (id) DO UPDATE SET
    status = excluded.status,
    severity = excluded.severity,
    summary = excluded.summary,
    started_at = excluded.started_at,
    position = excluded.position,
    updated_at = excluded.updated_at,
    firing_alerts = excluded.firing_alerts,
    total_alerts = excluded.total_alerts,
    reopen_count = excluded.reopen_count,
    acknowledged_at = excluded.acknowledged_at,
    acknowledged_by = excluded.acknowledged_by,
    assignee = excluded.assignee,
    resolved_at = excluded.resolved_at,
    resolution = excluded.resolution,
    resolved_by = excluded.resolved_by,
    investigation_count = excluded.investigation_count

-- name: write_alerts
INSERT INTO alerts (
    tenant_id, fingerprint, status, incident_id, starts_at, ends_at, position, source, labels, annotations,
    generator_url
)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::text[],
    $9::jsonb[], $10::jsonb[], $11::text[]
)
ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET
    status = excluded.status,
    incident_id = excluded.incident_id,
    starts_at = excluded.starts_at,
    ends_at = excluded.ends_at,
    position = excluded.position,
    source = excluded.source,
    labels = excluded.labels,
    annotations = excluded.annotations,
    generator_url = excluded.generator_url

-- name: write_leases
INSERT INTO leases (
    tenant_id, fingerprint, source, replica, starts_at, ends_at, last_received_at, promised, expired, resolved_at,
    closed_at, check_at, annotations
)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
    $8::boolean[], $9::boolean[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::jsonb[]
)
ON CONFLICT (tenant_id, fingerprint, source, replica, starts_at) DO UPDATE SET
    ends_at = excluded.ends_at,
    last_received_at = excluded.last_received_at,
    promised = excluded.promised,
    expired = excluded.expired,
    resolved_at = excluded.resolved_at,
    closed_at = excluded.closed_at,
    check_at = excluded.check_at,
    annotations = excluded.annotations

-- name: forget_leases
DELETE FROM leases AS l
USING unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
    AS f (tenant_id, fingerprint, source, replica, starts_at)
WHERE l.tenant_id = f.tenant_id
    AND l.fingerprint = f.fingerprint
    AND l.source = f.source
    AND l.replica = f.replica
    AND l.starts_at = f.starts_at

-- name: advance_feeds
UPDATE feeds AS f
SET last_position = a.last_position
FROM unnest($1::text[], $2::bigint[]) AS a (tenant_id, last_position)
WHERE f.tenant_id = a.tenant_id

-- name: wake_followers
SELECT pg_notify('lookout_feed', unnest($1::text[]))

-- name: append_rejected_alerts
INSERT INTO rejected_alerts (tenant_id, source, received_at, place, reason, excerpt)
SELECT *
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[], $5::text[], $6::text[])

-- name: forget_rejected_alerts
-- The newest of each tenant stay: enough to find the sender, and no more than that.
DELETE FROM rejected_alerts AS r
USING (SELECT tenant_id, max(id) AS newest FROM rejected_alerts GROUP BY tenant_id) AS n
WHERE r.tenant_id = n.tenant_id AND r.id <= n.newest - $1

-- name: add_received
INSERT INTO received AS r (tenant_id, hour, source, alerts, rejected, last_received_at)
SELECT *
FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[])
ON CONFLICT (tenant_id, hour, source) DO UPDATE SET
    alerts = r.alerts + excluded.alerts,
    rejected = r.rejected + excluded.rejected,
    last_received_at = greatest(r.last_received_at, excluded.last_received_at)

-- name: postpone_checks
-- Leases that were renewed since: look again when their new end comes.
UPDATE leases
SET check_at = ends_at + CASE WHEN promised THEN $2::interval ELSE interval '0' END
WHERE check_at <= $1
    AND resolved_at IS NULL
    AND NOT expired
    AND ends_at + CASE WHEN promised THEN $2::interval ELSE interval '0' END > $1

-- name: forget_unknown_leases
-- What was told to have ended and not to have begun: after so long no late message comes.
DELETE FROM leases
WHERE check_at <= $1 AND ends_at <= resolved_at

-- name: due_leases
SELECT DISTINCT tenant_id, fingerprint
FROM leases
WHERE check_at <= $1
ORDER BY tenant_id, fingerprint
LIMIT $2

-- name: last_position
SELECT last_position FROM feeds WHERE tenant_id = $1

-- name: events_after
SELECT *
FROM events
WHERE tenant_id = $1 AND position > $2
ORDER BY position
LIMIT $3

-- name: events_of_incident
SELECT *
FROM events
WHERE tenant_id = $1 AND incident_id = $2 AND position > $3
ORDER BY position
LIMIT $4

-- name: count_events_of_incident
SELECT count(*) FROM events WHERE tenant_id = $1 AND incident_id = $2

-- name: incident
SELECT * FROM incidents WHERE tenant_id = $1 AND id = $2

-- name: open_incident_of_alert
SELECT i.id
FROM alerts AS a
JOIN incidents AS i ON i.tenant_id = a.tenant_id AND i.id = a.incident_id
WHERE a.tenant_id = $1 AND a.fingerprint = $2 AND a.status = 'firing' AND i.status <> 'resolved'

-- name: incidents_before
SELECT *
FROM incidents
WHERE tenant_id = $1
    AND opened_position < $2
    AND ($3::text[] IS NULL OR status = ANY ($3))
    AND ($4::text[] IS NULL OR severity = ANY ($4))
ORDER BY opened_position DESC
LIMIT $5

-- name: open_incidents_before
SELECT *
FROM incidents
WHERE tenant_id = $1
    AND opened_position < $2
    AND status <> 'resolved'
    AND ($3::text[] IS NULL OR status = ANY ($3))
    AND ($4::text[] IS NULL OR severity = ANY ($4))
ORDER BY opened_position DESC
LIMIT $5

-- name: incidents_after
SELECT *
FROM incidents
WHERE tenant_id = $1
    AND opened_position > $2
    AND ($3::text[] IS NULL OR status = ANY ($3))
    AND ($4::text[] IS NULL OR severity = ANY ($4))
ORDER BY opened_position
LIMIT $5

-- name: count_incidents
SELECT count(*)
FROM incidents
WHERE tenant_id = $1
    AND ($2::text[] IS NULL OR status = ANY ($2))
    AND ($3::text[] IS NULL OR severity = ANY ($3))

-- name: count_open_incidents
SELECT severity, status, count(*) AS incidents
FROM incidents
WHERE status <> 'resolved'
GROUP BY severity, status

-- name: incident_stats
-- Opened and resolved within the time; the times to acknowledge and to resolve are of those opened within it.
SELECT
    count(*) FILTER (WHERE started_at >= $2 AND started_at < $3) AS opened,
    count(*) FILTER (WHERE resolved_at >= $2 AND resolved_at < $3) AS resolved,
    count(*) FILTER (WHERE status <> 'resolved') AS open,
    coalesce(sum(total_alerts) FILTER (WHERE started_at >= $2 AND started_at < $3), 0)::bigint AS alerts,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM acknowledged_at - started_at))
        FILTER (WHERE acknowledged_at IS NOT NULL AND started_at >= $2 AND started_at < $3) AS seconds_to_acknowledge,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM resolved_at - started_at))
        FILTER (WHERE resolved_at IS NOT NULL AND started_at >= $2 AND started_at < $3) AS seconds_to_resolve
FROM incidents
WHERE tenant_id = $1
    AND (status <> 'resolved' OR resolved_at >= $2)
    AND started_at < $3

-- name: alerts_of_incident
-- As they were last in this incident, from the log: an alert may belong to a later incident by now. A page's alerts are
-- among the first of each event's, so that no event is read whole for it.
WITH told AS MATERIALIZED (
    SELECT ea.*
    FROM events AS e
    CROSS JOIN LATERAL (
        SELECT *
        FROM event_alerts
        WHERE tenant_id = $1 AND position = e.position AND fingerprint > $3
        ORDER BY fingerprint
        LIMIT $4
    ) AS ea
    WHERE e.tenant_id = $1 AND e.incident_id = $2
),
page AS (
    SELECT DISTINCT ON (fingerprint) fingerprint, status, starts_at, ends_at
    FROM told
    ORDER BY fingerprint, position DESC
    LIMIT $4
),
begun AS (
    SELECT DISTINCT ON (fingerprint) fingerprint, labels, annotations, generator_url, source
    FROM told
    WHERE labels IS NOT NULL
    ORDER BY fingerprint, position DESC
    LIMIT $4
)
SELECT
    p.fingerprint,
    p.status,
    p.ends_at,
    t.labels,
    t.generator_url,
    coalesce(h.annotations, t.annotations) AS annotations,
    coalesce(least(h.starts_at, p.starts_at), p.starts_at) AS starts_at,
    coalesce(h.sources, ARRAY[t.source]) AS sources,
    h.last_received_at
FROM page AS p
JOIN begun AS t USING (fingerprint)
CROSS JOIN LATERAL (
    SELECT
        array_agg(DISTINCT l.source ORDER BY l.source) AS sources,
        max(l.last_received_at) AS last_received_at,
        min(l.starts_at) FILTER (WHERE l.resolved_at IS NULL AND NOT l.expired AND p.status = 'firing') AS starts_at,
        (array_agg(l.annotations ORDER BY l.last_received_at DESC)
            FILTER (WHERE l.annotations IS NOT NULL))[1] AS annotations
    FROM leases AS l
    JOIN alerts AS a USING (tenant_id, fingerprint)
    WHERE l.tenant_id = $1 AND l.fingerprint = p.fingerprint AND a.incident_id = $2
) AS h
ORDER BY p.fingerprint

-- name: firing_alerts
-- All that fire, with what was last heard of them: how far their senders' words reach, and since when. In no order:
-- these rows are wide, and would be sorted on disk.
SELECT
    a.fingerprint,
    a.incident_id,
    a.labels,
    a.generator_url,
    i.labels AS group_labels,
    coalesce(h.annotations, a.annotations) AS annotations,
    coalesce(least(h.starts_at, a.starts_at), a.starts_at) AS starts_at,
    coalesce(h.unended_at, h.ends_at, a.starts_at) AS ends_at,
    coalesce(h.last_received_at, a.starts_at) AS last_received_at
FROM alerts AS a
JOIN incidents AS i ON i.id = a.incident_id
LEFT JOIN (
    SELECT
        l.fingerprint,
        max(l.last_received_at) AS last_received_at,
        min(l.starts_at) FILTER (WHERE l.resolved_at IS NULL AND NOT l.expired) AS starts_at,
        max(l.ends_at) FILTER (WHERE l.resolved_at IS NULL AND NOT l.expired AND l.closed_at IS NULL) AS unended_at,
        -- A promise that reaches far beyond its resolve counts too, where no other word stands.
        max(l.ends_at) FILTER (WHERE NOT l.expired AND l.closed_at IS NULL) AS ends_at,
        (array_agg(l.annotations ORDER BY l.last_received_at DESC)
            FILTER (WHERE l.annotations IS NOT NULL))[1] AS annotations
    FROM alerts AS f
    JOIN leases AS l USING (tenant_id, fingerprint)
    WHERE f.tenant_id = $1 AND f.status = 'firing'
    GROUP BY l.fingerprint
) AS h ON h.fingerprint = a.fingerprint
WHERE a.tenant_id = $1 AND a.status = 'firing'

-- name: investigations_of_incident
-- An incident has few: they are all found by its id, and no plan walks the tenant's by position instead.
WITH found AS MATERIALIZED (
    SELECT * FROM investigations WHERE tenant_id = $1 AND incident_id = $2
)
SELECT *
FROM found
WHERE position > $3
ORDER BY position
LIMIT $4

-- name: rejected_alerts_before
SELECT *
FROM rejected_alerts
WHERE tenant_id = $1 AND id < $2
ORDER BY id DESC
LIMIT $3

-- name: tenants
SELECT tenant_id, last_position FROM feeds ORDER BY tenant_id

-- name: alerts_of_event
SELECT *
FROM event_alerts
WHERE tenant_id = $1 AND position > $2 AND position <= $3
ORDER BY position

-- name: reports_of_events
SELECT position, incident_id, report_id
FROM investigations
WHERE tenant_id = $1 AND position > $2 AND position <= $3

-- name: all_incidents
SELECT * FROM incidents WHERE tenant_id = $1

-- name: all_alerts
SELECT * FROM alerts WHERE tenant_id = $1

-- name: forget_incidents
DELETE FROM incidents WHERE tenant_id = $1

-- name: forget_alerts
DELETE FROM alerts WHERE tenant_id = $1
