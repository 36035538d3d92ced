"""What the report says before all tests."""

from tests.kafka.brokers import which


def pytest_report_header() -> str:
    """On which Kafka the tests run."""
    return f"kafka: {which()}"
