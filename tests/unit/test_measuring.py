"""Only the core's tests are measured: any other takes several times as long when it is."""

import coverage
import pytest


def test_no_other_is_measured(pytestconfig: pytest.Config) -> None:
    assert coverage.Coverage.current() is None or not pytestconfig.getoption("measure_core")
