"""The scenarios' Lookout, for the contracts."""

from tests.scenario.conftest import clock, lookout, start

__all__ = ["clock", "lookout", "start"]
