"""What is settled about a source."""

import pytest

from lookout.alerts.source import Source


@pytest.mark.parametrize(
    ("source", "addresses"),
    [
        (Source(), ()),
        (Source(prometheus_url=("http://a:9090", "http://b:9090")), ("http://a:9090", "http://b:9090")),
        (Source(alertmanager_url=("http://a:9093",)), ("http://a:9093",)),
    ],
)
def test_where_it_can_be_asked(source: Source, addresses: tuple[str, ...]) -> None:
    assert source.addresses == addresses
