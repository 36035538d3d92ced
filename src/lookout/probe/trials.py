"""All of it: one tenant, the intruder, asks for what is the other's, in every way there is. What it finds is a finding.

- What it sees of itself is the same before and after the other was at work, byte by byte. None of it is the other's.
- To ask for what is the other's is answered as to ask for what does not exist: status, headers and body.
- Whatever it does, what the other sees is the same before and after.
- What it follows are its own events, at its own positions, and its numbers go on by one.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime

import httpx
import msgspec
from starlette.routing import BaseRoute

from lookout.api.graphql.schema import SCHEMA
from lookout.probe import documents, sides, streams, surfaces
from lookout.probe.asks import Answer, Ask, answer_to, filled
from lookout.probe.documents import Untried
from lookout.probe.sides import Holdings, Side

OWN = 4
"""Incidents of the owner's own, in the end."""
TRESPASSED = 3
"""Incidents of the owner's that the intruder acts on."""
_SCHEMA = SCHEMA._schema  # pyright: ignore[reportPrivateUsage]  # Strawberry has no other way to it
_TOO_MANY = 429
_REFUSED = 400
_NEVER_LOOKED = frozenset((400, 415, 422))
"""Statuses of a request that was refused before anything was looked for."""


class Report(msgspec.Struct):
    """What was tried, by the kind of surface, and what was found."""

    tried: Counter[str] = msgspec.field(default_factory=Counter[str])
    findings: list[str] = msgspec.field(default_factory=list[str])

    def find(self, finding: str) -> None:
        if finding not in self.findings:
            self.findings.append(finding)


def _own(holdings: Holdings) -> dict[str, str]:
    """What of somebody's own stands beside what is another's."""
    return {"own": holdings.incidents[-1]}


def all_there_is(routes: Iterable[BaseRoute]) -> list[Ask | Untried]:
    """What can be asked of a Lookout with these routes, and what nobody knows how to ask."""
    return [*surfaces.asks_of(routes), *documents.asks_of(_SCHEMA), *surfaces.asks_of_tools()]


class Probe:
    """Asks for everything at one running Lookout. `owner` is the tenant that is spied on, `intruder` who spies.

    `write_down` makes Lookout write what it counts and writes only now and then: figures change by it.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        everything: Sequence[Ask | Untried],
        write_down: Callable[[], Awaitable[None]],
        owner: Side,
        intruder: Side,
    ) -> None:
        self._http = http
        self._write_down = write_down
        self._owner = owner
        self._intruder = intruder
        self._report = Report()
        self._asks = [ask for ask in everything if isinstance(ask, Ask)]
        for untried in everything:
            if isinstance(untried, Untried):
                self._report.find(str(untried))

    async def run(self, now: datetime) -> Report:
        """Try all of it, at the time `now`."""
        await sides.settle(self._http, self._owner, 3, now)
        await sides.settle(self._http, self._intruder, 2, now)
        theirs, own = await self._holdings(self._owner), await self._holdings(self._intruder)
        for secret in set(theirs.secrets) & set(own.secrets):
            self._report.find(f"both tenants have {secret!r}")
        await self._look_for(theirs, own)
        await self._look_as_sender(theirs, own)
        await self._send_of_others(theirs, own)
        await self._resume(theirs)
        await self._interfere(now)
        await self._trespass(now)
        await self._follow(now)
        return self._report

    async def _holdings(self, side: Side) -> Holdings:
        return await sides.holdings(self._http, side)

    async def _look_for(self, theirs: Holdings, own: Holdings) -> None:
        """Ask for what is the other's, and for what is nobody's: the answers are the same."""
        nobodys = {**sides.nobodys(max(theirs.position, own.position)), **_own(own)}
        values = {**theirs.values, **_own(own)}
        for kind, credential in self._intruder.callers.items():
            for ask in self._asks:
                if ask.places:
                    found = await self._answer(ask, values, credential)
                    self._scan(ask.surface, found, theirs, ask.places, values)
                    if "own" in ask.places:  # where one's own list goes on differs from mark to mark
                        continue
                    missing = await self._answer(ask, nobodys, credential)
                    self._compare(f"{ask.surface} by {kind}", found, missing)
                    if ask.writes and found.status in _NEVER_LOOKED:
                        self._report.find(
                            f"{ask.surface} was refused before it looked for anything: {found.body[:200]}"
                        )
                for named in ({}, {"X-Tenant-ID": theirs.tenant_id, "X-Scope-OrgID": theirs.tenant_id}):
                    if not ask.places:
                        self._scan(ask.surface, await self._answer(ask, {}, {**credential, **named}), theirs)

    async def _look_as_sender(self, theirs: Holdings, own: Holdings) -> None:
        """A credential that sends opens nothing that is somebody's, be it its own tenant's."""
        for ask in self._asks:
            if ask.places:
                found = await self._ask(ask, {**theirs.values, **_own(own)}, self._intruder.sender)
                if found.status < _REFUSED:
                    self._report.find(f"{ask.surface} is open to who only sends: {found.status}, {found.body[:200]}")

    async def _send_of_others(self, theirs: Holdings, own: Holdings) -> None:
        """That an event is acknowledged, or over, is answered the same whether another tenant has one of its key."""
        nobodys = sides.nobodys(max(theirs.position, own.position))
        for path in ("/v1/events", "/v2/enqueue"):
            for action in ("acknowledge", "resolve"):
                body = {"routing_key": "r", "event_action": action, "dedup_key": "<word>"}
                ask = Ask(f"POST {path}", "POST", path, body=body)
                found = await self._answer(ask, theirs.values, self._intruder.sender)
                missing = await self._answer(ask, nobodys, self._intruder.sender)
                self._compare(f"{ask.surface} to {action}", found, missing)
                self._scan(ask.surface, found, theirs, ask.places, theirs.values)

    def _compare(self, what: str, found: Answer, missing: Answer) -> None:
        for name, one, other in (
            ("status", found.status, missing.status),
            ("body", found.body, missing.body),
            ("headers", found.headers, missing.headers),
        ):
            if one != other:
                self._report.find(
                    f"{what}: another {name} for what is another tenant's ({one!r:.300}) "
                    f"than for what does not exist ({other!r:.300})"
                )

    def _scan(
        self,
        surface: str,
        answer: Answer,
        theirs: Holdings,
        asked: Iterable[str] = (),
        values: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing of the other's is in an answer, but for what was asked for."""
        said = {(values or {})[place] for place in asked}
        for secret in answer.shows(set(theirs.secrets) - said):
            self._report.find(f"{surface} shows {secret!r} of another tenant")

    async def _answer(self, ask: Ask, values: Mapping[str, str], credential: Mapping[str, str]) -> Answer:
        answer = await self._ask(ask, values, credential)
        return answer.without({place: value for place, value in values.items() if place in ask.places})

    async def _ask(self, ask: Ask, values: Mapping[str, str], credential: Mapping[str, str]) -> Answer:
        self._report.tried[ask.surface] += 1
        answer = await answer_to(self._http, filled(ask, values), credential)
        if answer.status >= 500 or answer.status == _TOO_MANY:
            self._report.find(f"{ask.surface} is answered with {answer.status}: {answer.body[:200]}")
        return answer

    async def _picture(self, side: Side) -> Mapping[str, Answer]:
        """All that a tenant sees of itself."""
        await self._write_down()
        own = await self._holdings(side)
        picture: dict[str, Answer] = {}
        for ask in self._asks:
            if not ask.writes and (ask.method == "GET" or ask.path in surfaces.ELSEWHERE):
                for incident_id in own.incidents if ask.places & {"incident", "gid"} else own.incidents[:1]:
                    values = {**own.values, **sides.names_of(incident_id), "own": incident_id}
                    told = (await self._ask(ask, values, side.caller)).of_no_moment()
                    if "text/html" not in dict(told.headers).get("content-type", ""):  # a page says how long ago
                        picture[f"{ask.surface} {ask.query} {ask.headers} {incident_id}"] = told
        return picture

    def _same(self, whose: str, before: Mapping[str, Answer], after: Mapping[str, Answer]) -> None:
        for what in before.keys() | after.keys():
            if before.get(what) != after.get(what):
                self._report.find(
                    f"{what} is not the same to {whose}: {before.get(what)!r:.400}, {after.get(what)!r:.400}"
                )

    async def _interfere(self, now: datetime) -> None:
        """What the intruder sees is the same before and after the owner was at work; and so are its numbers."""
        await sides.refuses(self._http, self._intruder)
        first = await self._holdings(self._intruder)
        before = await self._picture(self._intruder)
        await sides.settle(self._http, self._owner, OWN, now)
        self._same("who did nothing", before, await self._picture(self._intruder))
        await sides.refuses(self._http, self._intruder)
        second = await self._holdings(self._intruder)
        if second.rejected[0] != first.rejected[0] + 1:
            self._report.find(
                f"the number of a rejected alert tells of others': {first.rejected[0]} is followed by "
                f"{second.rejected[0]}"
            )

    async def _trespass(self, now: datetime) -> None:
        """What the owner sees is the same before and after the intruder has tried to change and to send everything."""
        theirs = await self._holdings(self._owner)
        before = await self._picture(self._owner)
        for credential in self._intruder.callers.values():
            for ask in self._asks:
                if ask.writes:
                    for incident_id in theirs.incidents[:TRESPASSED]:
                        values = {**theirs.values, **sides.names_of(incident_id)}
                        named = {"X-Tenant-ID": theirs.tenant_id}
                        self._scan(ask.surface, await self._answer(ask, values, {**credential, **named}), theirs,
                                   ask.places, values)  # fmt: skip
        await self._impersonate(theirs, now)
        self._same("whom somebody tried to change", before, await self._picture(self._owner))

    async def _impersonate(self, theirs: Holdings, now: datetime) -> None:
        """Send what the owner sent, and its end, under every name there is for a tenant."""
        named = {"X-Scope-OrgID": theirs.tenant_id, "X-Tenant-ID": theirs.tenant_id}
        impostor = msgspec.structs.replace(
            self._intruder, word=theirs.word, sender={**self._intruder.sender, **named},
        )  # fmt: skip
        labels = [{"alertname": f"Own{number}", "job": theirs.word} for number in range(OWN)]
        for each in (labels, [{**one, "tenant_id": theirs.tenant_id} for one in labels]):
            await sides.sends(self._http, impostor, each, now)
            await sides.sends(self._http, impostor, each, now - sides.LEASE)
        for action in ("acknowledge", "resolve"):
            body = {"routing_key": "r", "event_action": action, "dedup_key": theirs.word}
            self._report.tried["POST /v1/events"] += 1
            await self._http.post("/v1/events", json=body, headers=impostor.sender)

    async def _follow(self, now: datetime) -> None:
        """Both kinds of streams of the intruder, while the owner is at work and then it."""
        url, credential = str(self._http.base_url).rstrip("/"), self._intruder.caller
        own = await self._holdings(self._intruder)
        async with AsyncExitStack() as stack:
            heard = {
                **{
                    f"the subscription liveIncidentUpdates on {path}": await stack.enter_async_context(
                        streams.subscribed(f"{url}{path}", credential, own.position)
                    )
                    for path in ("/graphql", "/graphql/ws")
                },
                **{
                    f"the stream of {path}": await stack.enter_async_context(
                        streams.server_sent(self._http, path, credential, own.position)
                    )
                    for path in ("/v1/feed", "/live")
                },
            }
            await sides.sends(self._http, self._owner, [{"alertname": "Meanwhile", "job": self._owner.word}], now)
            await sides.sends(self._http, self._intruder, [{"alertname": "After", "job": "own"}], now)
            theirs = await self._holdings(self._owner)
            for name, hear in heard.items():
                self._report.tried[name] += 1
                for fault in await streams.faults(name, hear, own, theirs):
                    self._report.find(fault)

    async def _resume(self, theirs: Holdings) -> None:
        """A position that the other's log has and the own has not is as one that none has."""
        url, credential = str(self._http.base_url).rstrip("/"), self._intruder.caller
        beyond = (theirs.position, theirs.position + 50)
        told = [await streams.refusal_after(f"{url}/graphql/ws", credential, position) for position in beyond]
        self._report.tried["the subscription liveIncidentUpdates"] += 2
        if told[0] != told[1]:
            self._report.find(f"the subscription liveIncidentUpdates tells positions apart: {told}")


def lines_of(report: Report) -> Sequence[str]:
    """The report for people."""
    requests = report.tried.total()
    tried = f"{requests} requests and streams over {len(report.tried)} surfaces"
    if not report.findings:
        return [f"apart: {tried}, and nothing of one tenant was shown to the other, or changed by it"]
    return [*report.findings, f"NOT apart: {len(report.findings)} findings in {tried}"]
