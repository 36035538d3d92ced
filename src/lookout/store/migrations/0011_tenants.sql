-- Which tenants there are, and tokens of senders that send for many of them.
-- depends: 0001_log 0010_tokens

-- migrate: apply

-- Every tenant that somebody made, that a token is for, or that has a log. An alert for any other is refused.
CREATE TABLE tenants (
    tenant_id text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL
);

-- Of a tenant that has a log and no token nobody noted when it was made: it is as old as its first event.
INSERT INTO tenants (tenant_id, created_at)
SELECT tenant_id, created_at FROM (
    SELECT tenant_id, created_at FROM tokens
    UNION ALL
    SELECT f.tenant_id, coalesce(e.recorded_at, 'epoch')
    FROM feeds AS f
    LEFT JOIN LATERAL (
        SELECT recorded_at FROM events WHERE tenant_id = f.tenant_id ORDER BY position LIMIT 1
    ) AS e ON true
) AS known
ORDER BY created_at
ON CONFLICT DO NOTHING;

-- With many_tenants the alerts say whose they are, and tenant_id is ''.
ALTER TABLE tokens ADD COLUMN many_tenants boolean NOT NULL DEFAULT false;

-- migrate: rollback

DELETE FROM tokens WHERE many_tenants;
ALTER TABLE tokens DROP COLUMN many_tenants;
DROP TABLE tenants;
