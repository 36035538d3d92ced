"""The numbers and rules that decide."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property

import msgspec

from lookout.alerts.severity import SYNONYMS, Severity
from lookout.alerts.source import USUAL, Source
from lookout.incidents.rules import Rule, Rules
from lookout.incidents.tenants import Tenancy

VERSION_LENGTH = 12


class Pace(msgspec.Struct, frozen=True):
    """How much one incident tells, and when it is flapping."""

    flapping_changes: int = 4
    """An incident that resolves and reopens more often than this within `flapping_window` is flapping."""

    flapping_window: timedelta = timedelta(hours=1)
    """It also is how long the mark lasts after the last change that was too many."""

    flapping_interval: timedelta = timedelta(minutes=1)
    """How often an incident that flaps tells what its alerts do."""

    burst: int = 5
    """So many changes of its alerts an incident tells at once, and after that one in each `interval`."""

    interval: timedelta = timedelta(seconds=1)

    @property
    def memory(self) -> timedelta:
        """What an incident told longer ago than this counts no more; and nothing waits longer than that."""
        return max(self.flapping_interval, self.burst * self.interval)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """How alerts become incidents. All of it has a default that suits a Prometheus with default settings."""

    group_by: tuple[str, ...] = ("alertname", "cluster", "region", "namespace", "service", "job")
    """The labels that bring alerts into one incident, where no rule says which."""

    reopen_window: timedelta = timedelta(minutes=5)
    """An alert that starts within this time after the resolution reopens the incident; later, a new one opens."""

    resend_delay: timedelta = timedelta(minutes=1)
    """How often the sender repeats a firing alert (`--rules.alert.resend-delay`). It is the grace of a lease's end."""

    webhook_expiry: timedelta = timedelta(hours=12)
    """How long an alert told by webhook lives without a repeat: three of Alertmanager's default repeat intervals.

    It is what holds for every webhook source that has no `expiry` of its own.
    """

    severities: Mapping[str, Severity] = msgspec.field(default_factory=lambda: dict(SYNONYMS))
    """Other words for the four severities."""

    rules: tuple[Rule, ...] = ()
    """For some alerts something else; the first that matches counts."""

    sources: Mapping[str, Source] = msgspec.field(default_factory=dict[str, Source])
    """What is settled about sources, by name, where it is not the usual."""

    tenants: Tenancy = Tenancy()
    """Whose the alerts of a sender for many tenants are."""

    pace: Pace = Pace()
    """How much one incident tells. The same for all: no key of `lookout.yaml`."""

    @cached_property
    def version(self) -> str:
        """A short digest of all that decides, to tell one policy from another. Nothing secret goes into it."""
        deciding = msgspec.structs.replace(self, sources={name: it.decides for name, it in self.sources.items()})
        return hashlib.sha256(msgspec.json.encode(deciding, order="deterministic")).hexdigest()[:VERSION_LENGTH]

    @cached_property
    def _ordered_rules(self) -> Rules[Rule]:
        return Rules(self.rules)

    def rule_of(self, labels: Mapping[str, str]) -> Rule | None:
        """The rule for an alert with these labels, None if none matches."""
        return self._ordered_rules.first(labels)

    @property
    def lease_length(self) -> timedelta:
        """What Prometheus promises with each message: four resend delays (rules/alerting.go, `sendAlerts`)."""
        return 4 * self.resend_delay

    def source(self, name: str) -> Source:
        """What is settled about a source."""
        return self.sources.get(name, USUAL)

    def expiry_of(self, source: str) -> timedelta:
        """How long an alert of a webhook lives without a repeat."""
        return self.source(source).expiry or self.webhook_expiry
