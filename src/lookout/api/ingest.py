"""Alerts in. Senders are answered in their own words, after the commit and not before."""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog
from prometheus_client import Gauge
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lookout import metrics
from lookout.alerts.alert import RejectedAlert
from lookout.alerts.source import Source
from lookout.api.alertmanager import NO_STORE, framework_error, handler_error, own_error
from lookout.api.answers import Json, answer_to, error_answer
from lookout.api.bodies import Bodies
from lookout.api.edge import sender_of
from lookout.api.events import accepted, acknowledge, refused
from lookout.api.headers import headers_given
from lookout.api.parts import SERVICE_CREDENTIAL, Caller, Parts, text_of_header
from lookout.api.signature import Signature
from lookout.errors import LookoutError, Overloaded, Unsigned
from lookout.incidents.ledger import Receipt
from lookout.intake.placing import Placed, deliveries_of, receipts_of, whole
from lookout.intake.work import Delivery
from lookout.limits import Limits
from lookout.sources import WEBHOOKS, Parser, events, prometheus
from lookout.sources.parsed import MalformedBody, Parsed
from lookout.store.database import PASSING_ERRORS

ORG_ID = "X-Scope-OrgID"
"""The header in which Mimir, Loki and their kin name a tenant. Only a sender for many tenants is asked for it."""
INGEST_PATHS = frozenset(("/api/v2/alerts", "/v1/events", "/v2/enqueue", *(f"/v1/{name}" for name in WEBHOOKS)))
"""Where alerts are sent to."""
THREAD_FROM = 256 * 1024
"""Bytes from which a body is parsed in a thread, so that the server goes on answering."""
TURN_FROM = 16 * 1024
"""Bytes from which one body is parsed after the other, and the server answers others in between: so many take half a
millisecond, and a sender in a storm sends several at once."""
EXCERPT = 512

Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger()

_TAKEN = Response(status_code=200, headers=NO_STORE)

# An event's routing key is a secret, and what was refused can be read by everyone who reads incidents.
_SECRETS = re.compile(rb'("(?:routing_key|service_key)"\s*:\s*")(?:[^"\\]|\\.)*', re.IGNORECASE | re.DOTALL)


class ReceiptView(msgspec.Struct, frozen=True):
    """What became of one alert, in the order of the request. `outcome` is `recorded` if it added an event."""

    fingerprint: str
    outcome: str
    reason: str
    incident_id: str | None


class RejectionView(msgspec.Struct, frozen=True):
    """Which alert of the request was refused, and why."""

    index: int
    reason: str


class DeliveryView(msgspec.Struct, frozen=True):
    """The answer of Lookout's own ingest paths."""

    receipts: list[ReceiptView]
    rejected: list[RejectionView]


class Ingest:
    """The ingest paths. Every source has a parser; what follows is the same for all.

    `signatures` are, by source, how its requests have to be signed.
    """

    def __init__(self, parts: Parts, signatures: Mapping[str, Signature]) -> None:
        self._parts = parts
        self._signatures = signatures
        self._bodies = Bodies(parts.limits)
        self._turn = asyncio.Lock()
        self._endpoints: dict[str, Endpoint] = {
            "/api/v2/alerts": self.alerts,
            # A service that sends to PagerDuty changes only the base URL.
            "/v1/events": self.event,
            "/v2/enqueue": self.event,
            **{f"/v1/{name}": self._webhook(name, parse) for name, parse in WEBHOOKS.items()},
        }
        sources = (prometheus.NAME, events.NAME, *WEBHOOKS)
        # Bound from the start, at 0: a counter that begins at 1 has not grown, as Prometheus sees it.
        self._received = {source: metrics.RECEIVED.labels(source) for source in sources}
        self._rejected = {source: metrics.REJECTED.labels(source) for source in sources}
        self._last_received: dict[str, Gauge] = {}

    def routes(self) -> list[Route]:
        """One route per path, for whoever asks what there is; `before` answers them."""
        return [Route(path, endpoint, methods=["POST"]) for path, endpoint in self._endpoints.items()]

    def before(self, app: ASGIApp) -> ASGIApp:
        """`app`, and the ingest paths before it: what comes most is found by its path, and goes through no router."""

        async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
            endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
            if endpoint is None or scope["method"] != "POST":
                await app(scope, receive, send)
                return
            request = Request(scope, receive)
            try:
                answer = await endpoint(request)
            except Exception as error:  # noqa: BLE001 - each has its answer, and what should not happen is logged
                answer = answer_to(request, error)
            await answer(scope, receive, send)

        return dispatch

    async def alerts(self, request: Request) -> Response:
        """`POST /api/v2/alerts`: the status and the two error shapes are Alertmanager's."""
        try:
            parsed = (await self._take(request, prometheus.NAME, prometheus.parse)).parsed
        except MalformedBody as error:
            return framework_error(error.status, error.code, error.message)
        except LookoutError as error:
            return own_error(error)
        except PASSING_ERRORS as error:
            log.warning("ingest", action="database_away", error=repr(error))
            return framework_error(503, 503, "the database does not answer; try again", {"Retry-After": "1"})
        if parsed.rejected:
            return handler_error("\n".join(rejected.reason for rejected in parsed.rejected))
        return _TAKEN

    async def event(self, request: Request) -> Response:
        """One event as for PagerDuty, and its answers."""

        def parse(body: bytes, now: datetime, _: Source, limits: Limits) -> Parsed:
            return events.parse(body, now, uuid.uuid4().hex, limits)

        try:
            taken = await self._take(request, events.NAME, parse, events.BODY_LIMIT)
        except MalformedBody as error:
            answer = refused(error)
            if error.status == 408:  # the event itself may be fine, and 400 would tell its client to drop it
                answer.status_code = 408
            return answer
        if faults := [rejected.reason for rejected in taken.parsed.rejected]:
            return refused(MalformedBody("; ".join(faults), faults=faults))
        for tenant_id in taken.placed.acknowledged:
            await acknowledge(self._parts, sender_of(request, events.NAME), tenant_id, taken.parsed)
        return accepted(taken.parsed)

    def _webhook(self, source: str, parse: Parser) -> Any:
        async def answer(request: Request) -> Response:
            try:
                return Json(_view(await self._take(request, source, parse)))
            except MalformedBody as error:
                return error_answer(error.message, error.status)

        return answer

    async def _take(self, request: Request, source: str, parse: Parser, limit: int | None = None) -> "_Taken":
        """Read, parse and store; returns after the commit. Raises `MalformedBody` after noting that it was refused.

        Raises `Unsigned`, `Forbidden` without a note: what a stranger sends is not kept.
        """
        sender = sender_of(request, source)
        counted_as = sender.counted_as[0]
        body = b""
        try:
            _check_media_type(request)
            body = await self._bodies.read(request.scope, request.receive, counted_as, limit)
            now = self._parts.clock.now()
            if (signature := self._signatures.get(source)) is not None:
                signature.check(request.headers, body, now)
            policy = self._parts.intake.policy
            settled = policy.source(source)
            parsed = await self._parse(parse, body, now, settled)
            named = _tenant_named(request, sender)
            if named is not None:
                placed = await self._parts.placing.place(parsed, named.tenant, policy.tenants, named.header)
            else:
                placed = whole(sender.tenant_id, parsed)
            self._received[source].inc(len(parsed.alerts) + parsed.rejected_count)
            self._rejected[source].inc(parsed.rejected_count)
            return _Taken(parsed, placed, await self._store(source, now, parsed, placed))
        except Overloaded:
            if not body:  # what is refused later is noted by the intake, for the tenants that it is of
                self._parts.intake.note_refusal(sender.tenant_id)
            raise
        except PASSING_ERRORS:  # nobody can say whether there is such a tenant, or whether the credential still holds
            self._parts.intake.note_refusal(sender.tenant_id)
            raise
        except Unsigned:
            self._count_refused_whole(source)
            raise
        except MalformedBody as error:
            named = _tenant_named(request, sender)
            home = sender.tenant_id if named is None else await self._parts.placing.home_of(named.tenant)
            await self._note_refusal(home, source, error, body)
            raise
        finally:
            self._bodies.done(counted_as, body)

    async def _parse(self, parse: Parser, body: bytes, now: datetime, source: Source) -> Parsed:
        limits = self._parts.limits
        if len(body) >= THREAD_FROM:
            return await asyncio.to_thread(parse, body, now, source, limits)
        if len(body) < TURN_FROM:
            return parse(body, now, source, limits)
        began = asyncio.get_running_loop().time()
        await self._parts.intake.give_way(began)
        async with self._turn:
            await self._parts.intake.give_way(began)
            parsed = parse(body, now, source, limits)
            await asyncio.sleep(0)
        return parsed

    async def _store(self, source: str, now: datetime, parsed: Parsed, placed: Placed) -> list[Receipt]:
        """Commit each tenant's part; returns when all are, with the receipts in the order of the request.

        A part that cannot be stored costs the others nothing. Raises what was wrong with it, when they are stored.
        """
        deliveries = deliveries_of(parsed, placed, source, now)
        if len(deliveries) == 1:
            receipts = await self._parts.intake.deliver(deliveries[0])
            self._count(deliveries[0].tenant_id, source, now, len(deliveries[0].alerts), parsed.rejected_count)
            return receipts
        outcomes = await self._parts.intake.deliver_all(deliveries)
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            if isinstance(outcome, list):
                rejected = parsed.rejected_count if delivery.rejected else 0
                self._count(delivery.tenant_id, source, now, len(delivery.alerts), rejected)
        return receipts_of(placed, outcomes)

    async def _note_refusal(self, tenant_id: str, source: str, error: MalformedBody, body: bytes) -> None:
        """Keep a refused body where an operator finds it. If that fails too, the answer still says what is wrong."""
        now = self._parts.clock.now()
        self._count_refused_whole(source)
        excerpt = _SECRETS.sub(rb"\1...", body[: 2 * EXCERPT])[:EXCERPT].decode(errors="replace")
        rejected = RejectedAlert(-1, error.message, excerpt)
        try:
            await self._parts.intake.deliver(Delivery(tenant_id, source, now, rejected=[rejected]))
        except Overloaded:
            return
        self._count(tenant_id, source, now, 0, 1)

    def _count_refused_whole(self, source: str) -> None:
        """How many alerts are in a body that is not read nobody knows: it counts as one, received and refused."""
        self._received[source].inc()
        self._rejected[source].inc()

    def _count(self, tenant_id: str, source: str, now: datetime, taken: int, rejected: int) -> None:
        """Count what was stored: a request that is answered with 503 comes again."""
        self._parts.intake.tally.count(tenant_id, source, now, alerts=taken + rejected, rejected=rejected)
        if (last_received := self._last_received.get(source)) is None:  # a source that was never heard has none
            last_received = self._last_received[source] = metrics.LAST_RECEIVED.labels(source)
        last_received.set(now.timestamp())


def _check_media_type(request: Request) -> None:
    """Only JSON: it is what senders send, and a form of a foreign page cannot send it without asking first.

    Nothing is unpacked, as in Alertmanager: no sender packs, and a few bytes could become gigabytes.
    """
    headers = headers_given(request.scope)
    given = headers.get(b"content-type", b"application/octet-stream")
    if given != b"application/json" and (media_type := _media_type(given)) != "application/json":
        message = f'unsupported media type "{media_type[:80]}", only [application/json] are allowed'
        raise MalformedBody(message, status=415, code=415)
    coding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
    if coding not in ("", "identity"):
        raise MalformedBody(f'the body is packed ("{coding[:80]}"): send it as it is, without Content-Encoding')


def _media_type(given: bytes) -> str:
    return given.decode("latin-1").partition(";")[0].strip().lower()


class _Taken(msgspec.Struct, frozen=True):
    """What came of a request, after the commit. The receipts are those of `parsed.alerts`."""

    parsed: Parsed
    placed: Placed
    receipts: list[Receipt]


class _TenantNamed(NamedTuple):
    """The tenant that a header names for all alerts of a request, "" if it names none."""

    header: str
    tenant: str


def _tenant_named(request: Request, sender: Caller) -> _TenantNamed | None:
    """Where it has yet to be seen whether there is such a tenant. None: the tenant is a fact of the credential."""
    if sender.many_tenants:
        return _TenantNamed(ORG_ID, text_of_header(request.headers.get(ORG_ID)).strip())
    if sender.credential == SERVICE_CREDENTIAL:
        return _TenantNamed("X-Tenant-ID", sender.tenant_id)
    return None


def _view(taken: _Taken) -> DeliveryView:
    return DeliveryView(
        [
            ReceiptView(
                receipt.fingerprint, "recorded" if receipt.recorded else "silent", receipt.reason, receipt.incident_id
            )
            for receipt in taken.receipts
        ],
        [RejectionView(rejected.index, rejected.reason) for rejected in taken.parsed.rejected],
    )
