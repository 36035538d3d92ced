-- How PostgreSQL cleans up behind Lookout, whoever has set it up.
-- depends: 0001_log 0003_heartbeats 0004_postponed 0005_history

-- migrate: apply

-- Of what changes all the time a twentieth may be dead, where the default is a fifth.
ALTER TABLE incidents SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE alerts SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE postponed_alerts SET (autovacuum_vacuum_scale_factor = 0.05);
-- Repeats renew every lease each minute, and that tells the planner nothing: analysed is what has grown.
ALTER TABLE leases SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 2);
-- Each row is updated for as long as it counts, and touches no index if its page has room.
ALTER TABLE feeds SET (fillfactor = 70);
ALTER TABLE received SET (fillfactor = 70);
ALTER TABLE heartbeats SET (fillfactor = 70);

-- migrate: rollback

ALTER TABLE heartbeats RESET (fillfactor);
ALTER TABLE received RESET (fillfactor);
ALTER TABLE feeds RESET (fillfactor);
ALTER TABLE leases RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE postponed_alerts RESET (autovacuum_vacuum_scale_factor);
ALTER TABLE alerts RESET (autovacuum_vacuum_scale_factor);
ALTER TABLE incidents RESET (autovacuum_vacuum_scale_factor);
