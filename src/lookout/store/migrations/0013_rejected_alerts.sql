-- Refused alerts are numbered within their tenant: a number that all tenants share tells each how many others' were refused.
-- depends: 0012_isolation

-- migrate: apply

ALTER TABLE rejected_alerts ALTER COLUMN id DROP IDENTITY;
ALTER TABLE rejected_alerts DROP CONSTRAINT rejected_alerts_pkey, ADD PRIMARY KEY (tenant_id, id);
DROP INDEX rejected_alerts_of_tenant;
CREATE INDEX rejected_alerts_in_time ON rejected_alerts (received_at);

-- migrate: rollback

DROP INDEX rejected_alerts_in_time;
-- Or the owner would see no row of it.
ALTER TABLE rejected_alerts NO FORCE ROW LEVEL SECURITY;
CREATE TEMPORARY TABLE numbered AS
SELECT tenant_id, id, row_number() OVER (ORDER BY received_at, tenant_id, id) AS number FROM rejected_alerts;
ALTER TABLE rejected_alerts DROP CONSTRAINT rejected_alerts_pkey;
UPDATE rejected_alerts AS r SET id = n.number FROM numbered AS n WHERE n.tenant_id = r.tenant_id AND n.id = r.id;
DROP TABLE numbered;
ALTER TABLE rejected_alerts ADD PRIMARY KEY (id), ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('rejected_alerts', 'id'), coalesce(max(id), 0) + 1, false) FROM rejected_alerts;
ALTER TABLE rejected_alerts FORCE ROW LEVEL SECURITY;
CREATE INDEX rejected_alerts_of_tenant ON rejected_alerts (tenant_id, id);
