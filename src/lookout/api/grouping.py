"""Why an incident is what it is: what grouped its alerts, what would today, and what was last decided about each."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from lookout.api.parts import Parts
from lookout.incidents.grouping import Group, group_of
from lookout.incidents.incident import Incident
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason
from lookout.sources import identity_today
from lookout.store.reads import Decided, Grouped

OPENING_LIMIT = 100
"""Alerts that opened an incident, of which it is looked how they would be grouped today."""


class PresentGrouping(msgspec.Struct, frozen=True):
    """What the present policy does with the alerts that opened the incident: `rule` and `dedup_key` are the first's.

    `same_group` says that it would bring all of them into this group; at most 100 are looked at.
    """

    policy_version: str
    rule: str
    dedup_key: str
    same_group: bool


class GroupedAlert(msgspec.Struct, frozen=True):
    """An alert of the incident: the last decision about it, and what the present policy does with it.

    `rule` is the one that matches it now, and `same_group` whether it would come into this group again.
    """

    fingerprint: str
    labels: Mapping[str, str]
    reason: Reason
    decided_at: datetime
    rule: str
    same_group: bool


class Grouping(msgspec.Struct, frozen=True):
    """Why the alerts of an incident are together. `rule` is "" where none matched, and the default holds.

    `present` is null where the alerts that opened it are no longer kept. `alerts` are a page, by fingerprint.
    """

    incident_id: str
    rule: str
    policy_version: str
    dedup_key: str
    labels: Mapping[str, str]
    present: PresentGrouping | None
    alerts: list[GroupedAlert]
    next: str | None


async def grouping_of(parts: Parts, tenant_id: str, incident_id: str, after: str, limit: int) -> Grouping:
    """Why the incident is what it is, with at most `limit` alerts beyond a fingerprint. Raises `NotFound`."""
    incident = await parts.reads.incident(tenant_id, incident_id)
    alerts = await decisions_of(parts, incident, after, limit + 1)
    return Grouping(
        incident_id=incident.id,
        rule=incident.rule,
        policy_version=incident.policy_version,
        dedup_key=incident.dedup_key,
        labels=incident.labels,
        present=await present_of(parts, incident),
        alerts=alerts[:limit],
        next=alerts[limit - 1].fingerprint if len(alerts) > limit else None,
    )


async def present_of(parts: Parts, incident: Incident) -> PresentGrouping | None:
    """What the present policy makes of the alerts that opened an incident."""
    policy = parts.intake.policy
    opening = await parts.reads.opening_alerts(incident.tenant_id, incident.opened_position, OPENING_LIMIT)
    groups = [_group_today(alert, policy) for alert in opening]
    if not groups:
        return None
    same = all(group.dedup_key == incident.dedup_key for group in groups)
    return PresentGrouping(policy.version, groups[0].rule_name, groups[0].dedup_key, same)


async def decisions_of(parts: Parts, incident: Incident, after: str, limit: int) -> list[GroupedAlert]:
    """At most `limit` alerts of an incident beyond a fingerprint, with the last decision about each."""
    policy = parts.intake.policy
    decided = await parts.reads.decisions_of(incident.tenant_id, incident.id, after, limit)
    return [_grouped(alert, incident, policy) for alert in decided]


def _grouped(alert: Decided, incident: Incident, policy: Policy) -> GroupedAlert:
    group = _group_today(alert.grouped, policy)
    return GroupedAlert(
        fingerprint=alert.grouped.label_set.fingerprint,
        labels=alert.grouped.label_set.labels,
        reason=alert.reason,
        decided_at=alert.decided_at,
        rule=group.rule_name,
        same_group=group.dedup_key == incident.dedup_key,
    )


def _group_today(alert: Grouped, policy: Policy) -> Group:
    return group_of(identity_today(alert.source, alert.label_set, policy.source(alert.source)), policy)
