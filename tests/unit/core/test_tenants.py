"""Whose an alert is: its label, else the first rule that matches."""

import pytest

from lookout.alerts.alert import LabelSet, label_set
from lookout.alerts.matcher import parse_matchers
from lookout.incidents.policy import Policy
from lookout.incidents.tenants import Tenancy, TenantRule, is_tenant_id


def rule(matchers: str, tenant: str) -> TenantRule:
    return TenantRule(parse_matchers(matchers), tenant)


RULES = (rule('namespace=~"acme-.*"', "acme"), rule('namespace=~".*-web",job="nginx"', "web"), rule("job=nginx", "all"))


@pytest.mark.parametrize(
    ("labels", "tenant_id"),
    [
        ({"tenant_id": "globex", "namespace": "acme-1"}, "globex"),
        ({"namespace": "acme-web", "job": "nginx"}, "acme"),
        ({"namespace": "shop-web", "job": "nginx"}, "web"),
        ({"namespace": "shop", "job": "nginx"}, "all"),
        ({"namespace": "shop"}, None),
        ({"tenant_id": "no tenant at all"}, "no tenant at all"),
    ],
)
def test_the_label_wins_and_then_the_first_rule(labels: dict[str, str], tenant_id: str | None) -> None:
    assert Tenancy(rules=RULES).tenant_of(label_set(labels)) == tenant_id


def test_the_label_may_have_another_name_or_none() -> None:
    labels = label_set({"tenant_id": "a", "org": "b"})
    assert Tenancy(label="org").tenant_of(labels) == "b"
    assert Tenancy(label="").tenant_of(labels) is None


def test_without_a_label_and_rules_nothing_is_said() -> None:
    assert Tenancy().tenant_of(label_set({"job": "a"})) is None


def test_what_grafana_says_of_a_rule_without_data_is_matched_by_the_rules_name() -> None:
    tenancy = Tenancy(rules=(rule("alertname=Disk", "acme"),))
    no_data = LabelSet({"alertname": "DatasourceNoData", "rulename": "Disk"}, "0" * 16, stands_for="Disk")
    assert tenancy.tenant_of(no_data) == "acme"


def test_the_tenants_label_stays_a_label() -> None:
    assert label_set({"tenant_id": "a"}).fingerprint != label_set({"tenant_id": "b"}).fingerprint


def test_another_tenancy_is_another_policy() -> None:
    assert Policy().version != Policy(tenants=Tenancy(label="org")).version


@pytest.mark.parametrize("text", ["a", "0198f3c2-3b1e-7cc2-a8f5-0b8a4a1c2d3e", "eu.acme_1-x", "A" * 100])
def test_names_of_tenants(text: str) -> None:
    assert is_tenant_id(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "a|b", "..", "-a", "a\n", "é", "a/b", "A" * 101, "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_what_is_no_name_of_a_tenant(text: str) -> None:
    assert not is_tenant_id(text)
