-- Row-level security: a transaction sees and writes the rows of the tenants that it names, and no others.
-- depends: 0001_log 0002_policy 0003_heartbeats 0004_flapping 0004_postponed 0005_history 0006_relays 0007_investigations 0010_tokens 0011_tenants

-- migrate: apply

-- Two roles, which all databases of a server share. `lookout_service` is what serving needs; whoever serves is a member,
-- or is it. `lookout_platform` is what it turns into for a transaction about all tenants at once. An administrator may
-- have made both; the owner of the tables makes what is missing, if it may.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['lookout_service', 'lookout_platform'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server was faster
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role('lookout_service', 'lookout_platform', 'MEMBER') THEN
        GRANT lookout_platform TO lookout_service;
    END IF;
    -- Where the owner serves too.
    BEGIN
        GRANT lookout_platform TO CURRENT_USER;
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;  -- it is one already, or does not serve
    END;
END
$$;

CREATE FUNCTION named_tenants() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('lookout.tenants', true), '')::text[];

-- Every table with a tenant_id is isolated so; a migration that makes one calls this. One that moves rows sees none of
-- them, as the owner, until it has said NO FORCE ROW LEVEL SECURITY; and FORCE again in the end.
--
-- Both sub-selects are evaluated once for a statement: the tenants are hashed, so that a row costs the same in a batch of
-- 10,000 tenants as of one. The role is asked for by name: a member that inherits from it sees no more.
CREATE FUNCTION isolate_tenants(isolated regclass) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', isolated);
    EXECUTE format(
        'CREATE POLICY of_named_tenants ON %s USING '
        '(tenant_id IN (SELECT unnest(named_tenants())) OR (SELECT current_user = ''lookout_platform''))',
        isolated
    );
END
$$;

REVOKE EXECUTE ON FUNCTION isolate_tenants(regclass) FROM PUBLIC;

DO $$
DECLARE
    isolated regclass;
BEGIN
    FOR isolated IN
        SELECT c.oid
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relrowsecurity
    LOOP
        PERFORM isolate_tenants(isolated);
    END LOOP;
END
$$;

-- A view looks at tables with its owner's eyes, unless it is told otherwise.
ALTER VIEW stale_alerts SET (security_invoker = true);

-- What the service may do. The log is appended to and pruned, and never changed.
GRANT USAGE ON SCHEMA public TO lookout_service, lookout_platform;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO lookout_service;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO lookout_service;
REVOKE UPDATE ON events, event_alerts, investigations, rejected_alerts, relay_feeds, keys FROM lookout_service;
REVOKE DELETE ON feeds, tenants, tokens, relays, relay_feeds, keys FROM lookout_service;
REVOKE INSERT, UPDATE, DELETE ON stale_alerts, _pogo_migration, _pogo_version FROM lookout_service;

-- What it may do for all tenants at once: find who is due, count, forget what is old. Nothing of what an event, an
-- incident or an investigation says.
GRANT SELECT ON feeds TO lookout_platform;
GRANT SELECT, INSERT ON tenants TO lookout_platform;
GRANT SELECT (tenant_id, position, recorded_at) ON events TO lookout_platform;
GRANT SELECT (id, tenant_id, status, severity, opened_position, updated_at, flapping_until) ON incidents
TO lookout_platform;
GRANT SELECT (tenant_id, fingerprint, status, labels) ON alerts TO lookout_platform;
GRANT SELECT, UPDATE (check_at), DELETE ON leases TO lookout_platform;
GRANT SELECT ON heartbeats, stale_alerts TO lookout_platform;
GRANT SELECT (tenant_id, dedup_key, due_at) ON postponed_alerts TO lookout_platform;
GRANT SELECT (id, tenant_id, received_at), DELETE ON rejected_alerts TO lookout_platform;
GRANT SELECT (tenant_id, hour, source), DELETE ON received TO lookout_platform;
GRANT SELECT, INSERT ON relay_feeds TO lookout_platform;
GRANT SELECT, INSERT, UPDATE (position, retry_at, refused_because) ON relays TO lookout_platform;
GRANT SELECT, UPDATE (revoked_at, last_used_at) ON tokens TO lookout_platform;

-- migrate: rollback

-- The roles stay: other databases of the server may have them.
ALTER VIEW stale_alerts SET (security_invoker = false);
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT, INSERT, UPDATE, DELETE ON TABLES FROM lookout_service;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM lookout_service, lookout_platform;
REVOKE USAGE ON SCHEMA public FROM lookout_service, lookout_platform;

DO $$
DECLARE
    isolated regclass;
BEGIN
    FOR isolated IN SELECT polrelid FROM pg_policy WHERE polname = 'of_named_tenants' LOOP
        EXECUTE format('DROP POLICY of_named_tenants ON %s', isolated);
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', isolated);
    END LOOP;
END
$$;

DROP FUNCTION isolate_tenants(regclass), named_tenants();
