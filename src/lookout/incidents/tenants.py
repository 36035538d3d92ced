"""Whose an alert is, where one sender sends for many tenants. Pure.

A header of the request names the tenant of all its alerts. Without it a label of the alert does, else the first rule
that matches, and what none of them places is the platform tenant's. Whether there is such a tenant is the store's to
say: a name that nobody has made is a fault of the sender's, and no new tenant.
"""

import re
from functools import cached_property

import msgspec

from lookout.alerts.alert import LabelSet
from lookout.alerts.matcher import Matcher
from lookout.incidents.rules import Rules

LABEL = "tenant_id"
TENANT_LENGTH = 100
PLATFORM_TENANT = "platform"
"""The tenant of those who run the whole, where the settings name no other."""
TENANT_RULES_LIMIT = 500
"""Rules that map alerts to tenants: a value that no alert had before costs 2 us for each matcher of its label."""

TENANT_EXPECTED = "letters, digits, dot, dash and underscore are expected, at most 100, a letter or a digit first"
_TENANT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{TENANT_LENGTH - 1}}}", re.ASCII)


def is_tenant_id(text: str) -> bool:
    """Whether a tenant may be called so: letters, digits, dot, dash and underscore, as in a UUID or a host name."""
    return _TENANT.fullmatch(text) is not None


class TenantRule(msgspec.Struct, frozen=True):
    """The alerts that all of its matchers take are this tenant's."""

    matchers: tuple[Matcher, ...]
    tenant: str


class Tenancy(msgspec.Struct, frozen=True, dict=True):
    """How the alerts of a sender for many tenants are placed: `tenants:` of lookout.yaml."""

    label: str = LABEL
    """The label that names the tenant; "" for none. It stays a label of the alert."""

    rules: tuple[TenantRule, ...] = ()
    """For alerts without that label; the first that matches counts."""

    auto_create_tenants: bool = False
    """A name that nobody has made is a new tenant, and no fault."""

    @cached_property
    def _ordered_rules(self) -> Rules[TenantRule]:
        return Rules(self.rules)

    def tenant_of(self, label_set: LabelSet) -> str | None:
        """What the label or a rule says, None if neither says anything. It may be no tenant's name."""
        named = label_set.labels.get(self.label)
        if named is not None:
            return named
        rule = self._ordered_rules.first(label_set.matched)
        return rule.tenant if rule is not None else None
