"""Parts the alerts of a sender for many tenants by tenant. What names no tenant that there is becomes a refused alert.

So it is with the platform's own services, which name the one tenant of a request.

A tenant that is known stays known: nobody is asked about it again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from lookout.alerts.alert import LabelSet
from lookout.alerts.text import one_line
from lookout.clock import Clock
from lookout.errors import Overloaded
from lookout.incidents.ledger import Receipt
from lookout.incidents.tenants import Tenancy, is_tenant_id
from lookout.intake.work import Delivery
from lookout.sources.parsed import Parsed
from lookout.store.database import PASSING_ERRORS
from lookout.store.known import Known
from lookout.store.tenants import Tenants

THREAD_FROM = 2_000
"""From this many alerts on they are placed in a thread, so that the server goes on answering."""
KNOWN_LIMIT = 100_000
"""Tenants that are remembered to be there: about 150 bytes each."""
CREATED_LIMIT = 100_000
"""Tenants in all, beyond which alerts make no more: `lookout tenant create` does."""
TENANTS_NAMED = 5
"""Tenants that are named of those whose part of a request was not stored."""
SHOWN_LIMIT = 100
"""Characters of a name that is none, in the reason."""

_NOBODY_NEW = Tenancy()

log = structlog.get_logger()


class Placed(msgspec.Struct, frozen=True):
    """Whose the alerts of a request are. `places` are, by tenant, the places of its alerts in `Parsed.alerts`.

    What is refused of the request is told to the tenant `home`. `acknowledged` are the tenants of the acknowledged.
    """

    home: str
    places: Mapping[str, Sequence[int]]
    acknowledged: Sequence[str] = ()


def whole(tenant_id: str, parsed: Parsed) -> Placed:
    """A request of one tenant."""
    return Placed(tenant_id, {tenant_id: range(len(parsed.alerts))}, [tenant_id] * len(parsed.acknowledged))


def deliveries_of(parsed: Parsed, placed: Placed, source: str, now: datetime) -> list[Delivery]:
    """A delivery for each tenant, in the order of `placed`."""
    if len(placed.places) == 1 and placed.home in placed.places:
        return [Delivery(placed.home, source, now, parsed.alerts, parsed.rejected)]
    return [
        Delivery(
            tenant_id,
            source,
            now,
            [parsed.alerts[place] for place in places],
            parsed.rejected if tenant_id == placed.home else (),
        )
        for tenant_id, places in placed.places.items()
    ]


def receipts_of(placed: Placed, outcomes: Sequence[list[Receipt] | BaseException]) -> list[Receipt]:
    """The receipts of all parts, in the order of the request. Raises what is wrong with those that were not stored."""
    failures = {
        tenant_id: outcome
        for tenant_id, outcome in zip(placed.places, outcomes, strict=True)
        if isinstance(outcome, BaseException)
    }
    if failures:
        raise _failure_of(failures, len(outcomes))
    match outcomes:
        case [list() as receipts]:
            return receipts
        case _:
            return _in_order(placed, outcomes)


def _in_order(placed: Placed, outcomes: Sequence[list[Receipt] | BaseException]) -> list[Receipt]:
    receipts = {
        place: receipt
        for places, outcome in zip(placed.places.values(), outcomes, strict=True)
        if not isinstance(outcome, BaseException)
        for place, receipt in zip(places, outcome, strict=True)
    }
    return [receipts[place] for place in range(len(receipts))]


def _failure_of(failures: Mapping[str, BaseException], parts: int) -> BaseException:
    """Overload only if it is nothing worse: then the sender has to send the request again."""
    for error in failures.values():
        if not isinstance(error, Overloaded):
            return error
    named = ", ".join(list(failures)[:TENANTS_NAMED]) + (", ..." if len(failures) > TENANTS_NAMED else "")
    first = next(iter(failures.values()))
    return Overloaded(f"{len(failures)} of {parts} tenants' parts were not taken ({named}), the others are: {first}")


class Placing:
    """Places alerts. `platform_tenant` is whose those are that nothing places."""

    def __init__(self, tenants: Tenants, clock: Clock, platform_tenant: str) -> None:
        self._tenants = tenants
        self._clock = clock
        self._platform = platform_tenant
        self._known = Known[str](KNOWN_LIMIT)

    async def home_of(self, org_id: str) -> str:
        """To whom a request is told of which no alert could be read: `org_id` is the tenant in its header."""
        try:
            return org_id if await self._known_of({org_id}, _NOBODY_NEW) else self._platform
        except PASSING_ERRORS:
            return self._platform

    async def place(self, parsed: Parsed, org_id: str, tenancy: Tenancy, header: str) -> Placed:
        """Whose each alert is; those of no tenant that there is are taken out of `parsed.alerts`, and refused.

        `org_id` is the tenant that `header` names for all of the request, "" if it names none.
        """
        label_sets = [alert.label_set for alert in parsed.alerts]
        if len(label_sets) >= THREAD_FROM:
            names = await asyncio.to_thread(self._names_of, label_sets, org_id, tenancy)
        else:
            names = self._names_of(label_sets, org_id, tenancy)
        others = self._names_of(parsed.acknowledged, org_id, tenancy)
        known = await self._known_of({*names, *others}, tenancy)
        if org_id and parsed.rejected:
            known |= await self._known_of({org_id}, _NOBODY_NEW)
        places: dict[str, list[int]] = {}
        if all(name in known for name in (*names, *others)):
            for place, name in enumerate(names):
                places.setdefault(name, []).append(place)
        else:
            where = header if org_id else f"the label {tenancy.label} or a rule of tenants.rules"
            places = _without_strangers(parsed, names, others, known, where)
            others = [name for name in others if name in known]
        home = org_id if org_id in known else self._platform
        if parsed.rejected:
            places.setdefault(home, [])
        return Placed(home, places, others)

    def _names_of(self, label_sets: Sequence[LabelSet], org_id: str, tenancy: Tenancy) -> list[str]:
        return [org_id or tenancy.tenant_of(label_set) or self._platform for label_set in label_sets]

    async def _known_of(self, names: set[str], tenancy: Tenancy) -> set[str]:
        """Those of these names that are tenants."""
        known = {name for name in names if name == self._platform or name in self._known}
        if asked := {name for name in names - known if is_tenant_id(name)}:
            found = await self._tenants.known(asked)
            if tenancy.auto_create_tenants and (fresh := asked - found):
                found |= await self._create(fresh)
            self._known.remember(found)
            known |= found
        return known

    async def _create(self, names: set[str]) -> set[str]:
        created = await self._tenants.create(names, self._clock.now(), CREATED_LIMIT)
        if created:
            log.info("audit", action="tenants_created", count=len(created), tenants=",".join(sorted(created)[:20]))
        # Another replica may have made some of them meanwhile.
        return created if created == names else await self._tenants.known(names)


def _without_strangers(
    parsed: Parsed, names: Sequence[str], others: Sequence[str], known: set[str], where: str
) -> dict[str, list[int]]:
    """Refuse what names no tenant, and place the rest."""
    refused = set(parsed.rejected_places)
    indexes = [index for index in range(len(names) + len(refused)) if index not in refused]
    kept: list[int] = []
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if name in known:
            places.setdefault(name, []).append(len(kept))
            kept.append(place)
        else:
            labels = parsed.alerts[place].labels
            parsed.reject(indexes[place], _fault_of(name, where), {"labels": labels})
    for index, name in enumerate(others):
        if name not in known:
            labels = parsed.acknowledged[index].labels
            parsed.reject(index, _fault_of(name, where), {"labels": labels})
    parsed.acknowledged = [each for each, name in zip(parsed.acknowledged, others, strict=True) if name in known]
    parsed.alerts = [parsed.alerts[place] for place in kept]
    return places


def _fault_of(name: str, where: str) -> str:
    shown = one_line(name, SHOWN_LIMIT)
    if not is_tenant_id(name):
        return f"{shown!r} is no tenant id ({where}): letters, digits, dot, dash and underscore, at most 100"
    return f"there is no tenant {shown!r} ({where}): make it with `lookout tenant create`, or send another"
