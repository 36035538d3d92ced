-- Every statement that Lookout runs, by name. Times are arguments: no statement reads a clock.

-- name: begin
-- This and the next two go out as one message, which has no parameters: names are given in hexadecimal digits.
BEGIN ISOLATION LEVEL {level}

-- name: name_tenants
-- What the transaction sees from now on: the rows of these tenants, and no others. How its statements are planned, and
-- how long it may take.
SELECT
    set_config('lookout.tenants', convert_from(decode('{tenants}', 'hex'), 'UTF8'), true),
    set_config('plan_cache_mode', '{plans}', true),
    set_config('enable_seqscan', '{scans}', true),
    set_config('statement_timeout', '{statement}', true),
    set_config('lock_timeout', '{lock}', true),
    set_config('idle_in_transaction_session_timeout', '{idle}', true)

-- name: enter_platform
-- As SET LOCAL ROLE.
SELECT
    set_config('role', 'lookout_platform', true),
    set_config('statement_timeout', '{statement}', true),
    set_config('lock_timeout', '{lock}', true),
    set_config('idle_in_transaction_session_timeout', '{idle}', true)

-- name: leave_platform
SET LOCAL ROLE NONE

-- name: commit
COMMIT

-- name: roll_back
ROLLBACK

-- name: let_service_in
-- In the embedded server, whose socket is its owner's alone.
ALTER ROLE lookout_service LOGIN

-- name: migrations_take_turns
SELECT pg_advisory_lock($1)

-- name: migrations_are_done
SELECT pg_advisory_unlock($1)

-- name: wait_briefly_for_locks
-- Whoever asks for a table waits behind a change of it, also while that waits itself.
SET lock_timeout = '2s'

-- name: is_alive
SELECT true

-- name: applied_migrations
SELECT migration_id FROM public._pogo_migration

-- name: role
SELECT
    current_user AS name,
    rolsuper OR rolbypassrls AS sees_all,
    has_table_privilege(current_user, 'events', 'INSERT') AS serves
FROM pg_roles
WHERE rolname = current_user

-- name: open_feeds
-- Whoever has a log is a tenant that is known.
WITH opened AS (
    INSERT INTO feeds (tenant_id)
    SELECT unnest($1::text[])
    ON CONFLICT DO NOTHING
)
INSERT INTO tenants (tenant_id, created_at)
SELECT unnest($1::text[]), $2
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
ORDER BY l.tenant_id, l.fingerprint, l.source, l.replica, l.starts_at
FOR UPDATE OF l

-- name: load_incidents
-- The open incident of each key, else its last one: a new one opens only when none is open. Plans are kept from when the
-- table was empty, when any index of the tenant is as good as another: so only that by key has what is asked for in order.
SELECT i.*
FROM unnest($1::text[], $2::text[]) AS k (tenant_id, dedup_key)
CROSS JOIN LATERAL (
    SELECT *
    FROM incidents
    WHERE tenant_id = k.tenant_id AND dedup_key >= k.dedup_key AND dedup_key <= k.dedup_key
    ORDER BY dedup_key DESC, opened_position DESC
    LIMIT 1
) AS i

-- name: load_incidents_by_id
SELECT * FROM incidents WHERE id = ANY ($1::uuid[])

-- name: load_postponed_alerts
-- In order for the same reason.
SELECT p.*
FROM unnest($1::text[], $2::text[]) AS k (tenant_id, fingerprint)
CROSS JOIN LATERAL (
    SELECT *
    FROM postponed_alerts
    WHERE tenant_id = k.tenant_id AND fingerprint >= k.fingerprint AND fingerprint <= k.fingerprint
    ORDER BY fingerprint
    LIMIT 1
) AS p

-- name: load_postponed_groups
-- All of a group that is due by the time wanted, or so late that a clock was ahead; and one, which says when the
-- others are.
SELECT p.*
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS k (tenant_id, dedup_key, until)
JOIN postponed_alerts AS p ON p.tenant_id = k.tenant_id AND p.dedup_key = k.dedup_key
    AND (p.due_at <= k.until OR p.due_at > $4)
UNION ALL
SELECT p.*
FROM unnest($1::text[], $2::text[]) AS k (tenant_id, dedup_key)
CROSS JOIN LATERAL (
    SELECT *
    FROM postponed_alerts
    WHERE tenant_id = k.tenant_id AND dedup_key = k.dedup_key
    LIMIT 1
) AS p

-- name: load_told
-- When each incident last told something of its alerts, the newest first.
SELECT e.incident_id, e.recorded_at
FROM unnest($1::text[], $2::uuid[]) AS i (tenant_id, incident_id)
CROSS JOIN LATERAL (
    SELECT *
    FROM events
    WHERE tenant_id = i.tenant_id AND incident_id = i.incident_id AND event_type = ANY ($3::text[])
    ORDER BY position DESC
    LIMIT $4
) AS e

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
    resolution, resolved_by, previous_incident_id, investigation_count, rule, policy_version, flapping_until,
    state_changes
)
SELECT *
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::timestamptz[],
    $10::bigint[], $11::bigint[], $12::timestamptz[], $13::integer[], $14::integer[], $15::integer[],
    $16::timestamptz[], $17::text[], $18::text[], $19::timestamptz[], $20::text[], $21::text[], $22::uuid[],
    $23::integer[], $24::text[], $25::text[], $26::timestamptz[], $27::jsonb[]
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
    investigation_count = excluded.investigation_count,
    flapping_until = excluded.flapping_until,
    state_changes = excluded.state_changes

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

-- name: write_postponed_alerts
INSERT INTO postponed_alerts (
    tenant_id, fingerprint, dedup_key, due_at, status, starts_at, ends_at, resolution, source, labels,
    annotations, generator_url
)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::timestamptz[],
    $8::text[], $9::text[], $10::jsonb[], $11::jsonb[], $12::text[]
)
ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET
    dedup_key = excluded.dedup_key,
    due_at = excluded.due_at,
    status = excluded.status,
    starts_at = excluded.starts_at,
    ends_at = excluded.ends_at,
    resolution = excluded.resolution,
    source = excluded.source,
    labels = excluded.labels,
    annotations = excluded.annotations,
    generator_url = excluded.generator_url

-- name: forget_postponed_alerts
-- Found in order, as they are loaded.
DELETE FROM postponed_alerts AS p
USING
    unnest($1::text[], $2::text[]) AS f (tenant_id, fingerprint)
    CROSS JOIN LATERAL (
        SELECT ctid
        FROM postponed_alerts
        WHERE tenant_id = f.tenant_id AND fingerprint >= f.fingerprint AND fingerprint <= f.fingerprint
        ORDER BY fingerprint
        LIMIT 1
    ) AS row
WHERE p.ctid = row.ctid

-- name: load_heartbeats
SELECT h.*
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (tenant_id, source, fingerprint)
JOIN heartbeats AS h USING (tenant_id, source, fingerprint)

-- name: load_all_heartbeats
SELECT * FROM heartbeats WHERE tenant_id = ANY ($1::text[])

-- name: count_heartbeats
SELECT tenant_id, count(*) AS heartbeats FROM heartbeats WHERE tenant_id = ANY ($1::text[]) GROUP BY tenant_id

-- name: write_heartbeats
INSERT INTO heartbeats (
    tenant_id, source, fingerprint, labels, covering, last_received_at, due_at, silent_since, heard_since
)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::timestamptz[],
    $8::timestamptz[], $9::timestamptz[]
)
ON CONFLICT (tenant_id, source, fingerprint) DO UPDATE SET
    last_received_at = excluded.last_received_at,
    due_at = excluded.due_at,
    silent_since = excluded.silent_since,
    heard_since = excluded.heard_since

-- name: forget_heartbeats
DELETE FROM heartbeats AS h
USING unnest($1::text[], $2::text[], $3::text[]) AS f (tenant_id, source, fingerprint)
WHERE h.tenant_id = f.tenant_id AND h.source = f.source AND h.fingerprint = f.fingerprint

-- name: due_heartbeats
-- Those that are missing, and those that the policy names no more: $2 and $3 are what it names, by source. Lookout has
-- to have listened for as long as one may stay away: since $4, to the tenants of $6 since $7.
SELECT h.*
FROM heartbeats AS h
LEFT JOIN unnest($6::text[], $7::timestamptz[]) AS r (tenant_id, refused_at) ON r.tenant_id = h.tenant_id
WHERE (
    h.silent_since IS NULL
    AND greatest(h.due_at, greatest($4::timestamptz, r.refused_at) + (h.due_at - h.last_received_at)) <= $1
)
    OR NOT EXISTS (
        SELECT
        FROM unnest($2::text[], $3::text[]) AS n (source, name)
        WHERE n.source = h.source AND n.name = h.labels ->> 'alertname'
    )
ORDER BY h.tenant_id, h.source, h.fingerprint
LIMIT $5

-- name: write_silent_decisions
-- Replicas take a message each, and the one that commits later may have heard earlier.
INSERT INTO silent_decisions AS s (tenant_id, fingerprint, incident_id, reason, decided_at)
SELECT *
FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[])
ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET
    incident_id = excluded.incident_id,
    reason = excluded.reason,
    decided_at = excluded.decided_at
WHERE s.decided_at <= excluded.decided_at

-- name: advance_feeds
UPDATE feeds AS f
SET last_position = a.last_position
FROM unnest($1::text[], $2::bigint[]) AS a (tenant_id, last_position)
WHERE f.tenant_id = a.tenant_id

-- name: wake_followers
SELECT pg_notify('lookout_feed', unnest($1::text[]))

-- name: append_rejected_alerts
-- Numbered within the tenant, whose feed is locked.
INSERT INTO rejected_alerts (tenant_id, id, source, received_at, place, reason, excerpt)
SELECT
    r.tenant_id,
    coalesce(n.last, 0) + row_number() OVER (PARTITION BY r.tenant_id ORDER BY r.number),
    r.source,
    r.received_at,
    r.place,
    r.reason,
    r.excerpt
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[], $5::text[], $6::text[])
    WITH ORDINALITY AS r (tenant_id, source, received_at, place, reason, excerpt, number)
CROSS JOIN LATERAL (SELECT max(id) AS last FROM rejected_alerts WHERE tenant_id = r.tenant_id) AS n

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
-- Leases that were renewed since: look again when their new end comes. They are found in another order than their senders
-- renew them in, and many at once. So what somebody has just now is passed over, and left for the next time.
WITH renewed AS (
    SELECT tenant_id, fingerprint, source, replica, starts_at
    FROM leases
    WHERE check_at <= $1
        AND resolved_at IS NULL
        AND NOT expired
        AND ends_at + CASE WHEN promised THEN $2::interval ELSE interval '0' END > $1
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), postponed AS (
    UPDATE leases AS l
    SET check_at = l.ends_at + CASE WHEN l.promised THEN $2::interval ELSE interval '0' END
    FROM renewed AS r
    WHERE l.tenant_id = r.tenant_id
        AND l.fingerprint = r.fingerprint
        AND l.source = r.source
        AND l.replica = r.replica
        AND l.starts_at = r.starts_at
    RETURNING 1
)
SELECT count(*) FROM postponed

-- name: forget_unknown_leases
-- What was told to have ended and not to have begun: after so long no late message comes.
WITH unknown AS (
    SELECT tenant_id, fingerprint, source, replica, starts_at
    FROM leases
    WHERE check_at <= $1 AND ends_at <= resolved_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), forgotten AS (
    DELETE FROM leases AS l
    USING unknown AS u
    WHERE l.tenant_id = u.tenant_id
        AND l.fingerprint = u.fingerprint
        AND l.source = u.source
        AND l.replica = u.replica
        AND l.starts_at = u.starts_at
    RETURNING 1
)
SELECT count(*) FROM forgotten

-- name: due_leases
-- Those that were renewed are not, though nobody has postponed them yet.
SELECT DISTINCT tenant_id, fingerprint
FROM leases
WHERE check_at <= $1
    AND tenant_id <> ALL ($3::text[])
    AND NOT (
        resolved_at IS NULL
        AND NOT expired
        AND ends_at + CASE WHEN promised THEN $4::interval ELSE interval '0' END > $1
    )
ORDER BY tenant_id, fingerprint
LIMIT $2

-- name: due_groups
-- What is postponed and due, or so late that a clock was ahead, the most urgent first, and how much each is.
SELECT tenant_id, dedup_key, count(*) AS alerts
FROM postponed_alerts
WHERE due_at <= $1 OR due_at > $3
GROUP BY tenant_id, dedup_key
ORDER BY min(due_at)
LIMIT $2

-- name: due_incidents
-- Flapping ones whose mark ends.
SELECT tenant_id, id
FROM incidents
WHERE flapping_until <= $1
ORDER BY tenant_id, id
LIMIT $2

-- name: held_alerts
-- All that fire, told or postponed, in short: by which of its replicas the source holds each, and how far any word of a
-- sender reaches.
SELECT
    a.fingerprint,
    coalesce(array_agg(DISTINCT l.replica) FILTER (WHERE l.source = $2), ARRAY[]::text[]) AS replicas,
    max(l.ends_at) AS ends_at
FROM (
    SELECT fingerprint FROM alerts WHERE tenant_id = $1 AND status = 'firing'
    UNION
    SELECT fingerprint FROM postponed_alerts WHERE tenant_id = $1 AND status = 'firing'
) AS a
LEFT JOIN leases AS l
    ON l.tenant_id = $1
    AND l.fingerprint = a.fingerprint
    AND NOT l.expired
    AND l.closed_at IS NULL
    AND (l.resolved_at IS NULL OR l.ends_at > l.resolved_at)
GROUP BY a.fingerprint

-- name: last_position
SELECT last_position FROM feeds WHERE tenant_id = $1

-- name: last_positions
SELECT tenant_id, last_position FROM feeds WHERE tenant_id = ANY ($1::text[])

-- name: feed
SELECT last_position, pruned_position FROM feeds WHERE tenant_id = $1

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

-- name: incidents_of_severities_before
-- Resolved ones too. Of each severity so many by their index, however rare it is, and of the open ones.
SELECT *
FROM (
    (
        SELECT *
        FROM incidents
        WHERE tenant_id = $1
            AND opened_position < $2
            AND status <> 'resolved'
            AND ($3::text[] IS NULL OR status = ANY ($3))
            AND severity = ANY ($4::text[])
        ORDER BY opened_position DESC
        LIMIT $5
    )
    UNION ALL
    SELECT r.*
    FROM (SELECT DISTINCT unnest($4::text[]) AS severity) AS s
    CROSS JOIN LATERAL (
        SELECT *
        FROM incidents
        WHERE tenant_id = $1 AND opened_position < $2 AND status = 'resolved' AND severity = s.severity
        ORDER BY opened_position DESC
        LIMIT $5
    ) AS r
) AS i
ORDER BY opened_position DESC
LIMIT $5

-- name: incidents_of_severities_after
SELECT *
FROM (
    (
        SELECT *
        FROM incidents
        WHERE tenant_id = $1
            AND opened_position > $2
            AND status <> 'resolved'
            AND ($3::text[] IS NULL OR status = ANY ($3))
            AND severity = ANY ($4::text[])
        ORDER BY opened_position
        LIMIT $5
    )
    UNION ALL
    SELECT r.*
    FROM (SELECT DISTINCT unnest($4::text[]) AS severity) AS s
    CROSS JOIN LATERAL (
        SELECT *
        FROM incidents
        WHERE tenant_id = $1 AND opened_position > $2 AND status = 'resolved' AND severity = s.severity
        ORDER BY opened_position
        LIMIT $5
    ) AS r
) AS i
ORDER BY opened_position
LIMIT $5

-- name: open_incidents_after
SELECT *
FROM incidents
WHERE tenant_id = $1
    AND opened_position > $2
    AND status <> 'resolved'
    AND ($3::text[] IS NULL OR status = ANY ($3))
    AND ($4::text[] IS NULL OR severity = ANY ($4))
ORDER BY opened_position
LIMIT $5

-- name: position_at
-- Replicas' clocks differ by up to $3: the event of the latest time may not be the last one.
WITH near AS MATERIALIZED (
    SELECT position
    FROM events
    WHERE tenant_id = $1
        AND recorded_at <= $2
        AND recorded_at >= $3::interval * -1 + (
            SELECT recorded_at
            FROM events
            WHERE tenant_id = $1 AND recorded_at <= $2
            ORDER BY recorded_at DESC
            LIMIT 1
        )
)
SELECT max(position) FROM near

-- name: incidents_as_of_before
-- As they were at position $2. The row of one that has not changed since says so; of every other its last event by then.
SELECT i.*, e.incident AS snapshot
FROM incidents AS i
LEFT JOIN LATERAL (
    SELECT incident
    FROM events
    WHERE i.position > $2 AND tenant_id = $1 AND incident_id = i.id AND position <= $2
    ORDER BY position DESC
    LIMIT 1
) AS e ON true
WHERE i.tenant_id = $1
    AND i.opened_position <= $2
    AND i.opened_position < $5
    AND ($3::text[] IS NULL OR coalesce(e.incident ->> 'status', i.status) = ANY ($3))
    AND ($4::text[] IS NULL OR coalesce(e.incident ->> 'severity', i.severity) = ANY ($4))
ORDER BY i.opened_position DESC
LIMIT $6

-- name: incidents_as_of_after
SELECT i.*, e.incident AS snapshot
FROM incidents AS i
LEFT JOIN LATERAL (
    SELECT incident
    FROM events
    WHERE i.position > $2 AND tenant_id = $1 AND incident_id = i.id AND position <= $2
    ORDER BY position DESC
    LIMIT 1
) AS e ON true
WHERE i.tenant_id = $1
    AND i.opened_position <= $2
    AND i.opened_position > $5
    AND ($3::text[] IS NULL OR coalesce(e.incident ->> 'status', i.status) = ANY ($3))
    AND ($4::text[] IS NULL OR coalesce(e.incident ->> 'severity', i.severity) = ANY ($4))
ORDER BY i.opened_position
LIMIT $6

-- name: open_incidents_as_of
-- What was open then is open now, or has an event since: two indexes, and no look at what was over before.
SELECT i.*, e.incident AS snapshot
FROM (
    SELECT *
    FROM incidents
    WHERE tenant_id = $1 AND opened_position <= $2 AND opened_position < $5 AND status <> 'resolved'
    UNION ALL
    SELECT *
    FROM incidents
    WHERE tenant_id = $1 AND position > $2 AND opened_position <= $2 AND opened_position < $5 AND status = 'resolved'
) AS i
LEFT JOIN LATERAL (
    SELECT incident
    FROM events
    WHERE i.position > $2 AND tenant_id = $1 AND incident_id = i.id AND position <= $2
    ORDER BY position DESC
    LIMIT 1
) AS e ON true
WHERE coalesce(e.incident ->> 'status', i.status) = ANY ($3)
    AND ($4::text[] IS NULL OR coalesce(e.incident ->> 'severity', i.severity) = ANY ($4))
ORDER BY i.opened_position DESC
LIMIT $6

-- name: count_incidents_as_of
SELECT count(*)
FROM incidents AS i
LEFT JOIN LATERAL (
    SELECT incident
    FROM events
    WHERE i.position > $2 AND tenant_id = $1 AND incident_id = i.id AND position <= $2
    ORDER BY position DESC
    LIMIT 1
) AS e ON true
WHERE i.tenant_id = $1
    AND i.opened_position <= $2
    AND ($3::text[] IS NULL OR coalesce(e.incident ->> 'status', i.status) = ANY ($3))
    AND ($4::text[] IS NULL OR coalesce(e.incident ->> 'severity', i.severity) = ANY ($4))

-- name: count_open_incidents_as_of
SELECT count(*)
FROM (
    SELECT id, position, status, severity
    FROM incidents
    WHERE tenant_id = $1 AND opened_position <= $2 AND status <> 'resolved'
    UNION ALL
    SELECT id, position, status, severity
    FROM incidents
    WHERE tenant_id = $1 AND position > $2 AND opened_position <= $2 AND status = 'resolved'
) AS i
LEFT JOIN LATERAL (
    SELECT incident
    FROM events
    WHERE i.position > $2 AND tenant_id = $1 AND incident_id = i.id AND position <= $2
    ORDER BY position DESC
    LIMIT 1
) AS e ON true
WHERE coalesce(e.incident ->> 'status', i.status) = ANY ($3)
    AND ($4::text[] IS NULL OR coalesce(e.incident ->> 'severity', i.severity) = ANY ($4))

-- name: open_incidents_in_short
-- What a list for people is sorted and searched by: the newest.
SELECT id, opened_position, position, status, severity, title, summary, labels, started_at, resolved_at, assignee, rule
FROM incidents
WHERE tenant_id = $1 AND status <> 'resolved'
ORDER BY opened_position DESC
LIMIT $2

-- name: open_incidents_changed
-- Those of them that have an event after $2.
SELECT id, opened_position, position, status, severity, title, summary, labels, started_at, resolved_at, assignee, rule
FROM incidents
WHERE tenant_id = $1 AND status <> 'resolved' AND position > $2
ORDER BY opened_position DESC
LIMIT $3

-- name: resolved_incidents_since
SELECT id
FROM incidents
WHERE tenant_id = $1 AND status = 'resolved' AND position > $2

-- name: resolved_incidents_in_short
-- Those that were resolved last, before the time $2; of the same time, those that opened before the position $3.
SELECT id, opened_position, position, status, severity, title, summary, labels, started_at, resolved_at, assignee, rule
FROM incidents
WHERE tenant_id = $1 AND resolved_at <= $2 AND (resolved_at, opened_position) < ($2, $3)
ORDER BY resolved_at DESC, opened_position DESC
LIMIT $4

-- name: count_resolved_since
-- $3 at most: it is for people to read.
SELECT count(*)
FROM (
    -- In their order, so that it goes by the index over the times and ends with it.
    SELECT FROM incidents WHERE tenant_id = $1 AND resolved_at > $2 ORDER BY resolved_at DESC LIMIT $3
) AS r

-- name: incidents_of_ids
SELECT * FROM incidents WHERE tenant_id = $1 AND id = ANY ($2::uuid[])

-- name: sources_of_incidents
-- Who tells of the first alerts that fire in each, of $3 at most.
SELECT i.id, array_agg(DISTINCT l.source ORDER BY l.source) AS sources
FROM unnest($2::uuid[]) AS i (id)
CROSS JOIN LATERAL (
    SELECT fingerprint
    FROM alerts
    WHERE tenant_id = $1 AND incident_id = i.id AND status = 'firing'
    ORDER BY fingerprint
    LIMIT $3
) AS a
JOIN leases AS l ON l.tenant_id = $1 AND l.fingerprint = a.fingerprint
GROUP BY i.id

-- name: sources_that_fire
-- Who tells of what fires, by incident.
SELECT f.incident_id, l.source
FROM (
    SELECT fingerprint, incident_id FROM alerts WHERE tenant_id = $1 AND status = 'firing' LIMIT $2
) AS f
JOIN leases AS l ON l.tenant_id = $1 AND l.fingerprint = f.fingerprint
GROUP BY f.incident_id, l.source

-- name: label_values_that_fire
-- What the alerts that fire have for the label $2, by incident.
SELECT incident_id, labels ->> $2 AS value
FROM alerts
WHERE tenant_id = $1 AND status = 'firing' AND labels ? $2
GROUP BY incident_id, value
LIMIT $3

-- name: turns_of_incidents
-- When each, and the last $4 of its group before it, opened, reopened and was resolved, as their sources say: the last
-- $3 of each.
SELECT i.id, e.event_type, e.occurred_at
FROM unnest($2::uuid[]) AS i (id)
JOIN incidents AS shown ON shown.tenant_id = $1 AND shown.id = i.id
CROSS JOIN LATERAL (
    SELECT id
    FROM incidents
    WHERE tenant_id = $1 AND dedup_key = shown.dedup_key AND opened_position <= shown.opened_position
    ORDER BY opened_position DESC
    LIMIT $4
) AS g
CROSS JOIN LATERAL (
    SELECT event_type, occurred_at, position
    FROM events
    WHERE tenant_id = $1
        AND incident_id = g.id
        AND event_type IN ('incident_opened', 'incident_reopened', 'incident_resolved')
    ORDER BY position DESC
    LIMIT $3
) AS e
ORDER BY i.id, e.position

-- name: events_of_incident_before
SELECT *
FROM events
WHERE tenant_id = $1 AND incident_id = $2 AND position < $3
ORDER BY position DESC
LIMIT $4

-- name: assignments_of_incident
-- An incident is nobody's when it opens.
SELECT *
FROM (
    SELECT * FROM events WHERE tenant_id = $1 AND incident_id = $2 ORDER BY position DESC LIMIT $3
) AS last
WHERE event_type IN ('incident_assigned', 'incident_opened')
ORDER BY position DESC
LIMIT 2

-- name: incidents_near
-- Those that started nearest to $2, at most $5 on either side.
(
    SELECT *
    FROM incidents
    WHERE tenant_id = $1 AND started_at <= $2 AND started_at >= $2 - $3::interval AND id <> $4
    ORDER BY started_at DESC
    LIMIT $5
)
UNION ALL
(
    SELECT *
    FROM incidents
    WHERE tenant_id = $1 AND started_at > $2 AND started_at <= $2 + $3::interval AND id <> $4
    ORDER BY started_at
    LIMIT $5
)

-- name: opening_labels
SELECT o.position, ea.labels
FROM unnest($2::bigint[]) AS o (position)
CROSS JOIN LATERAL (
    SELECT labels
    FROM event_alerts
    WHERE tenant_id = $1 AND position = o.position AND labels IS NOT NULL
    ORDER BY fingerprint
    LIMIT $3
) AS ea

-- name: count_open_incidents_of
SELECT count(*)
FROM incidents
WHERE tenant_id = $1
    AND status <> 'resolved'
    AND ($2::text[] IS NULL OR status = ANY ($2))
    AND ($3::text[] IS NULL OR severity = ANY ($3))

-- name: count_incidents_of_severities
-- Resolved ones too, each severity by its index.
SELECT
    (
        SELECT count(*)
        FROM incidents
        WHERE tenant_id = $1
            AND status <> 'resolved'
            AND ($2::text[] IS NULL OR status = ANY ($2))
            AND severity = ANY ($3::text[])
    )
    + (
        SELECT coalesce(sum(r.incidents), 0)::bigint
        FROM (SELECT DISTINCT unnest($3::text[]) AS severity) AS s
        CROSS JOIN LATERAL (
            SELECT count(*) AS incidents
            FROM incidents
            WHERE tenant_id = $1 AND status = 'resolved' AND severity = s.severity
        ) AS r
    )

-- name: count_all_incidents
-- Those that opened after $2, if still $3 is forgotten of the log and the event at $2 is the one that was recorded at $4;
-- else all. An incident opens once, and goes only when its part of the log is forgotten. And of the open ones those
-- that are in none of the states $5.
SELECT
    f.last_position,
    f.pruned_position,
    (SELECT recorded_at FROM events WHERE tenant_id = $1 AND position = f.last_position) AS recorded_at,
    k.holds,
    (
        SELECT count(*)
        FROM incidents
        WHERE tenant_id = $1 AND opened_position > CASE WHEN k.holds THEN $2 ELSE 0 END
    ) AS opened,
    (
        SELECT count(*)
        FROM incidents
        WHERE tenant_id = $1 AND status <> 'resolved' AND status <> ALL ($5::text[])
    ) AS unwanted
FROM feeds AS f
CROSS JOIN LATERAL (
    SELECT
        f.pruned_position = $3
        AND EXISTS (SELECT FROM events WHERE tenant_id = $1 AND position = $2 AND recorded_at = $4) AS holds
) AS k
WHERE f.tenant_id = $1

-- name: count_postponed_alerts
SELECT count(*) FROM postponed_alerts

-- name: count_open_incidents
SELECT severity, status, count(*) AS incidents
FROM incidents
WHERE status <> 'resolved'
GROUP BY severity, status

-- name: incident_stats
-- Opened and resolved within the time, open at its end; the times taken are of those opened within it.
SELECT
    o.*,
    (SELECT count(*) FROM incidents WHERE tenant_id = $1 AND resolved_at >= $2 AND resolved_at < $3) AS resolved,
    (SELECT count(*) FROM incidents WHERE tenant_id = $1 AND status <> 'resolved' AND started_at < $3)
    + (SELECT count(*) FROM incidents WHERE tenant_id = $1 AND resolved_at >= $3 AND started_at < $3) AS open,
    r.*
FROM (
    SELECT
        count(*) AS opened,
        count(*) FILTER (WHERE reopen_count > 0) AS reopened,
        count(*) FILTER (
            WHERE flapping_until IS NOT NULL
                OR id IN (SELECT incident_id FROM events WHERE tenant_id = $1 AND event_type = 'incident_flapping_ended')
        ) AS flapping,
        coalesce(sum(total_alerts), 0)::bigint AS alerts,
        percentile_cont(ARRAY[0.5, 0.9])
            WITHIN GROUP (ORDER BY greatest(0, extract(epoch FROM acknowledged_at - started_at)))
            FILTER (WHERE acknowledged_at IS NOT NULL) AS seconds_to_acknowledge,
        percentile_cont(ARRAY[0.5, 0.9])
            WITHIN GROUP (ORDER BY greatest(0, extract(epoch FROM resolved_at - started_at)))
            FILTER (WHERE resolved_at IS NOT NULL) AS seconds_to_resolve
    FROM incidents
    WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3
) AS o
CROSS JOIN (
    SELECT
        coalesce(sum(alerts), 0)::bigint AS alerts_received,
        coalesce(sum(rejected), 0)::bigint AS alerts_rejected
    FROM received
    WHERE tenant_id = $1 AND hour >= date_trunc('hour', $2::timestamptz) AND hour < $3
) AS r

-- name: opened_by_bucket
SELECT date_bin($4::interval, started_at, $5) AS start, severity, count(*) AS incidents
FROM incidents
WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3
GROUP BY 1, 2

-- name: resolved_by_bucket
SELECT date_bin($4::interval, resolved_at, $5) AS start, count(*) AS incidents
FROM incidents
WHERE tenant_id = $1 AND resolved_at >= $2 AND resolved_at < $3
GROUP BY 1

-- name: noisiest_groups
SELECT n.*, i.id, i.title, i.labels, i.severity, i.started_at
FROM (
    SELECT
        dedup_key,
        count(*) AS incidents,
        sum(reopen_count)::bigint AS reopens,
        sum(total_alerts)::bigint AS alerts,
        max(opened_position) AS last_opened
    FROM incidents
    WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3
    GROUP BY dedup_key
    ORDER BY count(*) + sum(reopen_count) DESC, sum(total_alerts) DESC, dedup_key
    LIMIT $4
) AS n
JOIN incidents AS i ON i.tenant_id = $1 AND i.opened_position = n.last_opened
ORDER BY n.incidents + n.reopens DESC, n.alerts DESC, n.dedup_key

-- name: alerts_of_incidents
-- As they were last in each of these incidents, from the log: an alert may belong to a later incident by now. A page's
-- alerts are among the first of each event's, so that no event is read whole for it. $5: without those that fire in it.
SELECT i.id AS incident_id, a.*
FROM unnest($2::uuid[]) AS i (id)
CROSS JOIN LATERAL (
    WITH told AS MATERIALIZED (
        SELECT ea.*
        FROM events AS e
        CROSS JOIN LATERAL (
            SELECT *
            FROM event_alerts AS t
            WHERE
                t.tenant_id = $1 AND t.position = e.position AND t.fingerprint > $3
                AND NOT (
                    $5 AND EXISTS (
                        SELECT
                        FROM alerts AS f
                        WHERE
                            f.tenant_id = $1 AND f.incident_id = i.id AND f.status = 'firing'
                            AND f.fingerprint = t.fingerprint
                    )
                )
            ORDER BY t.fingerprint
            LIMIT $4
        ) AS ea
        WHERE e.tenant_id = $1 AND e.incident_id = i.id
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
        WHERE l.tenant_id = $1 AND l.fingerprint = p.fingerprint AND a.incident_id = i.id
    ) AS h
) AS a
ORDER BY i.id, a.fingerprint

-- name: firing_alerts_of_incident
-- The worst first and then by fingerprint, after the rank $4 and the fingerprint $5; $3 has the rank of each word for a
-- severity, as alerts/severity.py reads it: a word that nobody knows is a warning's.
WITH page AS (
    SELECT a.*, r.rank
    FROM alerts AS a
    CROSS JOIN LATERAL (
        SELECT coalesce(
            (
                $3::jsonb
                ->> lower(btrim(coalesce(nullif(a.labels ->> 'severity', ''), a.annotations ->> 'severity', '')))
            )::integer,
            ($3::jsonb ->> 'warning')::integer
        ) AS rank
    ) AS r
    WHERE
        a.tenant_id = $1 AND a.incident_id = $2 AND a.status = 'firing'
        AND (r.rank < $4 OR (r.rank = $4 AND a.fingerprint > $5))
    ORDER BY r.rank DESC, a.fingerprint
    LIMIT $6
)
SELECT
    p.fingerprint,
    p.status,
    p.ends_at,
    p.labels,
    p.generator_url,
    p.rank,
    coalesce(h.annotations, p.annotations) AS annotations,
    coalesce(least(h.starts_at, p.starts_at), p.starts_at) AS starts_at,
    coalesce(h.sources, ARRAY[p.source]) AS sources,
    h.last_received_at
FROM page AS p
CROSS JOIN LATERAL (
    SELECT
        array_agg(DISTINCT l.source ORDER BY l.source) AS sources,
        max(l.last_received_at) AS last_received_at,
        min(l.starts_at) FILTER (WHERE l.resolved_at IS NULL AND NOT l.expired) AS starts_at,
        (array_agg(l.annotations ORDER BY l.last_received_at DESC)
            FILTER (WHERE l.annotations IS NOT NULL))[1] AS annotations
    FROM leases AS l
    WHERE l.tenant_id = $1 AND l.fingerprint = p.fingerprint
) AS h
ORDER BY p.rank DESC, p.fingerprint

-- name: decisions_of_incident
-- Of each of its alerts what last happened to it in this incident, and what was last decided in silence, as far as the
-- alert is in no later incident by now: repeats that were only renewed are told by the leases. The page is made as in
-- alerts_of_incident.
WITH told AS MATERIALIZED (
    SELECT ea.*, e.event_type, e.recorded_at
    FROM events AS e
    CROSS JOIN LATERAL (
        SELECT position, fingerprint, status, source, labels
        FROM event_alerts
        WHERE tenant_id = $1 AND position = e.position AND fingerprint > $3
        ORDER BY fingerprint
        LIMIT $4
    ) AS ea
    WHERE e.tenant_id = $1 AND e.incident_id = $2
),
page AS (
    SELECT DISTINCT ON (fingerprint) fingerprint, status, event_type, recorded_at
    FROM told
    ORDER BY fingerprint, position DESC
    LIMIT $4
),
begun AS (
    SELECT DISTINCT ON (fingerprint) fingerprint, source, labels
    FROM told
    WHERE labels IS NOT NULL
    ORDER BY fingerprint, position DESC
    LIMIT $4
)
SELECT
    p.fingerprint,
    p.status,
    p.event_type,
    p.recorded_at,
    t.source,
    t.labels,
    s.reason AS silent_reason,
    s.decided_at AS silent_at,
    h.last_received_at
FROM page AS p
JOIN begun AS t USING (fingerprint)
LEFT JOIN silent_decisions AS s ON s.tenant_id = $1 AND s.fingerprint = p.fingerprint AND s.incident_id = $2
CROSS JOIN LATERAL (
    SELECT max(l.last_received_at) AS last_received_at
    FROM leases AS l
    JOIN alerts AS a USING (tenant_id, fingerprint)
    WHERE l.tenant_id = $1 AND l.fingerprint = p.fingerprint AND a.incident_id = $2
) AS h
ORDER BY p.fingerprint

-- name: opening_alerts
-- The first alerts of the event that opened an incident.
SELECT fingerprint, source, labels
FROM event_alerts
WHERE tenant_id = $1 AND position = $2 AND labels IS NOT NULL
ORDER BY fingerprint
LIMIT $3

-- name: firing_alerts
-- All that fire, with what was last heard of them: how far their senders' words reach, and since when. In no order:
-- these rows are wide, and would be sorted on disk. The leases are looked up for each alert: joined as a whole they would
-- be compared each with each as long as the planner does not know yet that there are many, 10 s for 10,000.
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
CROSS JOIN LATERAL (
    SELECT
        max(l.last_received_at) AS last_received_at,
        min(l.starts_at) FILTER (WHERE l.resolved_at IS NULL AND NOT l.expired) AS starts_at,
        max(l.ends_at) FILTER (WHERE l.resolved_at IS NULL AND NOT l.expired AND l.closed_at IS NULL) AS unended_at,
        -- A promise that reaches far beyond its resolve counts too, where no other word stands.
        max(l.ends_at) FILTER (WHERE NOT l.expired AND l.closed_at IS NULL) AS ends_at,
        (array_agg(l.annotations ORDER BY l.last_received_at DESC)
            FILTER (WHERE l.annotations IS NOT NULL))[1] AS annotations
    FROM leases AS l
    WHERE l.tenant_id = a.tenant_id AND l.fingerprint = a.fingerprint
) AS h
WHERE a.tenant_id = $1 AND a.status = 'firing'

-- name: stale_alerts
-- $2: some, or with null all.
SELECT fingerprint
FROM stale_alerts
WHERE EXISTS (SELECT FROM heartbeats WHERE tenant_id = $1 AND silent_since IS NOT NULL)
    AND tenant_id = $1
    AND ($2::text[] IS NULL OR fingerprint = ANY ($2))

-- name: stale_incidents
-- Those of $2 in which something fires, all of it stale.
SELECT i.id
FROM unnest($2::uuid[]) AS i (id)
WHERE EXISTS (SELECT FROM heartbeats WHERE tenant_id = $1 AND silent_since IS NOT NULL)
    AND EXISTS (SELECT FROM alerts WHERE tenant_id = $1 AND incident_id = i.id AND status = 'firing')
    AND NOT EXISTS (
        SELECT
        FROM alerts AS a
        WHERE a.tenant_id = $1
            AND a.incident_id = i.id
            AND a.status = 'firing'
            AND NOT EXISTS (SELECT FROM stale_alerts WHERE tenant_id = $1 AND fingerprint = a.fingerprint)
    )

-- name: count_stale_alerts
SELECT count(*)
FROM stale_alerts
WHERE tenant_id IN (SELECT tenant_id FROM heartbeats WHERE silent_since IS NOT NULL)

-- name: heartbeats
SELECT * FROM heartbeats WHERE tenant_id = $1 ORDER BY source, fingerprint

-- name: heartbeat
SELECT * FROM heartbeats WHERE tenant_id = $1 AND source = $2 AND fingerprint = $3

-- name: received_by_source
-- What each source sent: all of the time that is kept for the last delivery, and from $2 on for the numbers.
SELECT
    source,
    max(last_received_at) AS last_received_at,
    coalesce(sum(alerts) FILTER (WHERE hour >= $2), 0)::bigint AS alerts,
    coalesce(sum(rejected) FILTER (WHERE hour >= $2), 0)::bigint AS rejected
FROM received
WHERE tenant_id = $1
GROUP BY source

-- name: count_all_heartbeats
SELECT source, silent_since IS NOT NULL AS is_silent, count(*) AS heartbeats
FROM heartbeats
GROUP BY source, is_silent

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

-- name: prunable_tenants
-- Those whose log begins with something that may go: an old event, and an incident that is over since long ago.
SELECT f.tenant_id
FROM feeds AS f
CROSS JOIN LATERAL (
    SELECT recorded_at
    FROM events
    WHERE tenant_id = f.tenant_id AND position > f.pruned_position
    ORDER BY position
    LIMIT 1
) AS e
LEFT JOIN LATERAL (
    SELECT status, updated_at
    FROM incidents
    WHERE tenant_id = f.tenant_id AND opened_position > f.pruned_position
    ORDER BY opened_position
    LIMIT 1
) AS i ON true
WHERE f.tenant_id > $2
    AND e.recorded_at < $1
    AND (i.status IS NULL OR (i.status = 'resolved' AND i.updated_at < $1))
ORDER BY f.tenant_id
LIMIT $3

-- name: lock_feed
SELECT last_position, pruned_position FROM feeds WHERE tenant_id = $1 FOR UPDATE

-- name: oldest_incidents
SELECT opened_position, status, updated_at
FROM incidents
WHERE tenant_id = $1 AND opened_position > $2
ORDER BY opened_position
LIMIT $3

-- name: position_of_alert
-- Where the events after $2 have been about more than $3 alerts.
SELECT position
FROM event_alerts
WHERE tenant_id = $1 AND position > $2
ORDER BY position, fingerprint
OFFSET $3
LIMIT 1

-- name: first_incident_spoken_of
-- A repeat of what an operator closed is silent only as long as it is known.
SELECT min(i.opened_position)
FROM incidents AS i
JOIN events AS e ON e.tenant_id = $1 AND e.incident_id = i.id
JOIN event_alerts AS ea ON ea.tenant_id = $1 AND ea.position = e.position
JOIN alerts AS a ON a.tenant_id = $1 AND a.fingerprint = ea.fingerprint AND a.incident_id = i.id
JOIN leases AS l ON l.tenant_id = $1 AND l.fingerprint = a.fingerprint
WHERE i.tenant_id = $1 AND i.opened_position > $2 AND i.opened_position <= $3 AND l.last_received_at >= $4

-- name: prune_leases
DELETE FROM leases AS l
USING incidents AS i, events AS e, event_alerts AS ea, alerts AS a
WHERE i.tenant_id = $1 AND i.opened_position > $2 AND i.opened_position <= $3
    AND e.tenant_id = $1 AND e.incident_id = i.id
    AND ea.tenant_id = $1 AND ea.position = e.position
    AND a.tenant_id = $1 AND a.fingerprint = ea.fingerprint AND a.incident_id = i.id
    AND l.tenant_id = $1 AND l.fingerprint = a.fingerprint

-- name: prune_silent_decisions
DELETE FROM silent_decisions AS s
USING incidents AS i, events AS e, event_alerts AS ea
WHERE i.tenant_id = $1 AND i.opened_position > $2 AND i.opened_position <= $3
    AND e.tenant_id = $1 AND e.incident_id = i.id
    AND ea.tenant_id = $1 AND ea.position = e.position
    AND s.tenant_id = $1 AND s.fingerprint = ea.fingerprint AND s.incident_id = i.id

-- name: prune_alerts
DELETE FROM alerts AS a
USING incidents AS i, events AS e, event_alerts AS ea
WHERE i.tenant_id = $1 AND i.opened_position > $2 AND i.opened_position <= $3
    AND e.tenant_id = $1 AND e.incident_id = i.id
    AND ea.tenant_id = $1 AND ea.position = e.position
    AND a.tenant_id = $1 AND a.fingerprint = ea.fingerprint AND a.incident_id = i.id

-- name: prune_incidents
DELETE FROM incidents WHERE tenant_id = $1 AND opened_position > $2 AND opened_position <= $3

-- name: prune_event_alerts
DELETE FROM event_alerts WHERE tenant_id = $1 AND position > $2 AND position <= $3

-- name: prune_events
DELETE FROM events WHERE tenant_id = $1 AND position > $2 AND position <= $3

-- name: advance_pruned
UPDATE feeds SET pruned_position = $3 WHERE tenant_id = $1 AND pruned_position = $2

-- name: relayed_position
-- Where a feed that was ever switched on has no row for the tenant yet, nothing of it has been sent.
SELECT min(coalesce(r.position, 0))
FROM (SELECT feed FROM relay_feeds UNION SELECT feed FROM relays WHERE tenant_id = $1) AS f
LEFT JOIN relays AS r ON r.feed = f.feed AND r.tenant_id = $1

-- name: forget_received
DELETE FROM received AS r
USING (
    SELECT o.*
    FROM feeds AS f
    CROSS JOIN LATERAL (
        SELECT tenant_id, hour, source
        FROM received
        WHERE tenant_id = f.tenant_id AND hour < $1
        ORDER BY hour
        LIMIT 100
    ) AS o
    LIMIT $2
) AS old
WHERE r.tenant_id = old.tenant_id AND r.hour = old.hour AND r.source = old.source

-- name: forget_old_rejected_alerts
DELETE FROM rejected_alerts AS r
USING (SELECT tenant_id, id FROM rejected_alerts WHERE received_at < $1 ORDER BY received_at LIMIT $2) AS old
WHERE r.tenant_id = old.tenant_id AND r.id = old.id

-- name: tenants
SELECT tenant_id, last_position, pruned_position FROM feeds ORDER BY tenant_id

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

-- name: begin_relay_feed
INSERT INTO relay_feeds (feed, begun_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING feed

-- name: begin_relays_at_the_end
INSERT INTO relays (feed, tenant_id, position)
SELECT $1, tenant_id, last_position
FROM feeds
ON CONFLICT DO NOTHING

-- name: open_relays
INSERT INTO relays (feed, tenant_id)
SELECT $1, f.tenant_id
FROM feeds AS f
WHERE NOT EXISTS (SELECT FROM relays AS r WHERE r.feed = $1 AND r.tenant_id = f.tenant_id)
ON CONFLICT DO NOTHING

-- name: open_relays_of
INSERT INTO relays (feed, tenant_id)
SELECT $1, unnest($2::text[])
ON CONFLICT DO NOTHING

-- name: claim_relays
-- Tenants that are behind, in the order of their ids, so that none waits for a busy one for ever. A position that moved
-- while its row was waited for is looked at again.
SELECT r.tenant_id, r.position, f.last_position
FROM relays AS r
JOIN feeds AS f USING (tenant_id)
WHERE r.feed = $1 AND r.tenant_id > $2 AND f.last_position > r.position AND r.retry_at IS NULL
ORDER BY r.tenant_id
LIMIT $3
FOR UPDATE OF r SKIP LOCKED

-- name: claim_relays_of
SELECT r.tenant_id, r.position, f.last_position
FROM relays AS r
JOIN feeds AS f USING (tenant_id)
WHERE r.feed = $1 AND r.tenant_id = ANY ($2::text[]) AND f.last_position > r.position AND ($3 OR r.retry_at IS NULL)
ORDER BY r.tenant_id
FOR UPDATE OF r SKIP LOCKED

-- name: end_claim_when_idle
-- A host that vanishes leaves its connection open, and with it the rows locked.
SET LOCAL idle_in_transaction_session_timeout = '60s'

-- name: events_to_relay
-- The next events of each tenant. What is sent of no other type is read of no other type.
SELECT
    e.tenant_id,
    e.position,
    e.event_id,
    e.incident_id,
    e.event_type,
    e.occurred_at,
    e.recorded_at,
    CASE WHEN $4::text[] IS NULL OR e.event_type = ANY ($4) THEN e.incident END AS incident,
    CASE WHEN $4::text[] IS NULL OR e.event_type = ANY ($4) THEN e.change END AS change
FROM unnest($1::text[], $2::bigint[]) AS c (tenant_id, position)
CROSS JOIN LATERAL (
    SELECT *
    FROM events
    WHERE tenant_id = c.tenant_id AND position > c.position
    ORDER BY position
    LIMIT $3
) AS e
ORDER BY e.tenant_id, e.position

-- name: move_relays
UPDATE relays AS r
SET position = m.position, retry_at = NULL, refused_because = NULL
FROM unnest($2::text[], $3::bigint[]) AS m (tenant_id, position)
WHERE r.feed = $1 AND r.tenant_id = m.tenant_id

-- name: park_relay
UPDATE relays SET retry_at = $3, refused_because = $4 WHERE feed = $1 AND tenant_id = $2

-- name: parked_relays
SELECT tenant_id, position, refused_because, retry_at
FROM relays
WHERE feed = $1 AND retry_at IS NOT NULL
ORDER BY retry_at
LIMIT $2

-- name: count_parked_relays
SELECT count(*) FROM relays WHERE feed = $1 AND retry_at IS NOT NULL

-- name: relay_lag
-- How many events are still to go out, and when the oldest of them was recorded, looking at so many tenants at most.
WITH behind AS (
    SELECT f.tenant_id, coalesce(r.position, 0) AS position, f.last_position - coalesce(r.position, 0) AS events
    FROM feeds AS f
    LEFT JOIN relays AS r ON r.feed = $1 AND r.tenant_id = f.tenant_id
    WHERE f.last_position > coalesce(r.position, 0)
)
SELECT
    (SELECT coalesce(sum(events), 0)::bigint FROM behind) AS events,
    (
        SELECT min(e.recorded_at)
        FROM (SELECT * FROM behind LIMIT $2) AS b
        CROSS JOIN LATERAL (
            SELECT recorded_at
            FROM events
            WHERE tenant_id = b.tenant_id AND position > b.position
            ORDER BY position
            LIMIT 1
        ) AS e
    ) AS oldest_at

-- name: draw_key
-- The first to ask draws it, for all replicas and for good.
INSERT INTO keys (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING

-- name: key
SELECT value FROM keys WHERE name = $1

-- name: create_token
-- Whoever has a token is a tenant that is known; '' is that of a token for many.
WITH known AS (
    INSERT INTO tenants (tenant_id, created_at)
    SELECT $3::text, $7::timestamptz WHERE $3 <> ''
    ON CONFLICT DO NOTHING
)
INSERT INTO tokens (id, digest, tenant_id, source, scopes, name, created_at, expires_at, many_tenants)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: token
SELECT * FROM tokens WHERE id = $1

-- name: ended_tokens
SELECT k.id
FROM unnest($1::text[]) AS k (id)
WHERE NOT EXISTS (SELECT FROM tokens AS t WHERE t.id = k.id AND t.revoked_at IS NULL)

-- name: tokens
SELECT * FROM tokens WHERE $1::text IS NULL OR tenant_id = $1 ORDER BY created_at, id

-- name: revoke_token
UPDATE tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING *

-- name: note_token_use
UPDATE tokens AS t
SET last_used_at = greatest(t.last_used_at, u.used_at)
FROM unnest($1::text[], $2::timestamptz[]) AS u (id, used_at)
WHERE t.id = u.id

-- name: known_tenants
SELECT tenant_id FROM tenants WHERE tenant_id = ANY ($1::text[])

-- name: create_tenants
-- No more than there may be in all: $3, with null any number.
INSERT INTO tenants (tenant_id, created_at)
SELECT tenant_id, $2
FROM unnest($1::text[]) AS t (tenant_id)
LIMIT CASE WHEN $3::bigint IS NOT NULL THEN greatest(0, $3 - (SELECT count(*) FROM tenants)) END
ON CONFLICT DO NOTHING
RETURNING tenant_id

-- name: all_tenants
SELECT tenant_id, created_at FROM tenants WHERE tenant_id > $1 ORDER BY tenant_id LIMIT $2
