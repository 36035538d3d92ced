"""A commit locks leases in the order in which renewals do, of however many tenants and statements: so none deadlock."""

from lookout.store import transaction
from lookout.store.transaction import Needs


def test_keys_are_in_one_order_over_all_tenants() -> None:
    needs = {"b": Needs(fingerprints={"2", "1"}), "a": Needs(fingerprints={"3", "0"})}
    tenants, fingerprints = transaction._fingerprints(needs)  # pyright: ignore[reportPrivateUsage]
    assert list(zip(tenants, fingerprints, strict=True)) == [("a", "0"), ("a", "3"), ("b", "1"), ("b", "2")]
