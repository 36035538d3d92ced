"""What PostgreSQL says of relays at work: it shows the last statement of each connection."""

RELAYS_AT_WORK = (
    "datname = current_database() AND state = 'idle in transaction' AND query LIKE '-- The next events of each tenant%'"
)
"""Of `pg_stat_activity`: the connections on which tenants are claimed and their events are under way."""
