"""The scenarios' Lookout, for the contracts."""

from tests.scenario.conftest import anyio_backend, clock, dsn, lookout, postgres, start

__all__ = ["anyio_backend", "clock", "dsn", "lookout", "postgres", "start"]
