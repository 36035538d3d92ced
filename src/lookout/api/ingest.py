"""Alerts in. Senders are answered in their own words, after the commit and not before."""

import asyncio
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookout import metrics
from lookout.alerts.alert import RejectedAlert
from lookout.alerts.source import Source
from lookout.api.alertmanager import NO_STORE, framework_error, handler_error, own_error
from lookout.api.answers import Json, error_answer
from lookout.api.bodies import Bodies
from lookout.api.edge import sender_of
from lookout.api.events import accepted, acknowledge, refused
from lookout.api.parts import SERVICE_CREDENTIAL, Caller, Parts, text_of_header
from lookout.api.signature import Signature
from lookout.errors import LookoutError, Overloaded, Unsigned
from lookout.incidents.ledger import Receipt
from lookout.intake.placing import Placed, deliveries_of, receipts_of, whole
from lookout.intake.work import Delivery
from lookout.sources import WEBHOOKS, Parser, events, prometheus
from lookout.sources.parsed import MalformedBody, Parsed
from lookout.store.database import PASSING_ERRORS

ORG_ID = "X-Scope-OrgID"
"""The header in which Mimir, Loki and their kin name a tenant. Only a sender for many tenants is asked for it."""
INGEST_PATHS = frozenset(("/api/v2/alerts", "/v1/events", "/v2/enqueue", *(f"/v1/{name}" for name in WEBHOOKS)))
"""Where alerts are sent to."""
THREAD_FROM = 256 * 1024
"""Bytes from which a body is parsed in a thread, so that the server goes on answering."""
EXCERPT = 512

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
        self._bodies = Bodies()
        for name in (prometheus.NAME, events.NAME, *WEBHOOKS):
            # From the start, at 0: a counter that begins at 1 has not grown, as Prometheus sees it.
            metrics.RECEIVED.labels(name)
            metrics.REJECTED.labels(name)

    def routes(self) -> list[Route]:
        """One route per source."""
        own = [Route(f"/v1/{name}", self._webhook(name, parse), methods=["POST"]) for name, parse in WEBHOOKS.items()]
        return [
            Route("/api/v2/alerts", self.alerts, methods=["POST"]),
            *own,
            # A service that sends to PagerDuty changes only the base URL.
            *(Route(path, self.event, methods=["POST"]) for path in ("/v1/events", "/v2/enqueue")),
        ]

    async def alerts(self, request: Request) -> Response:
        """`POST /api/v2/alerts`: the status and the two error shapes are Alertmanager's."""
        try:
            parsed = (await self._take(request, prometheus.NAME, prometheus.parse)).parsed
        except MalformedBody as error:
            return framework_error(error.status, error.code, error.message)
        except LookoutError as error:
            return own_error(error)
        except PASSING_ERRORS as error:
            return framework_error(503, 503, str(error), {"Retry-After": "1"})
        if parsed.rejected:
            return handler_error("\n".join(rejected.reason for rejected in parsed.rejected))
        return Response(status_code=200, headers=NO_STORE)

    async def event(self, request: Request) -> Response:
        """One event as for PagerDuty, and its answers."""

        def parse(body: bytes, now: datetime, _: Source) -> Parsed:
            return events.parse(body, now, made_key=uuid.uuid4().hex)

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
        body = b""
        try:
            _check_media_type(request)
            async with self._bodies.read(request, sender.counted_as[0], limit) as body:
                now = self._parts.clock.now()
                if (signature := self._signatures.get(source)) is not None:
                    signature.check(request.headers, body, now)
                policy = self._parts.intake.policy
                settled = policy.source(source)
                if len(body) >= THREAD_FROM:
                    parsed = await asyncio.to_thread(parse, body, now, settled)
                else:
                    parsed = parse(body, now, settled)
                placed = whole(sender.tenant_id, parsed)
                if (named := _tenant_named(request, sender)) is not None:
                    placed = await self._parts.placing.place(parsed, named.tenant, policy.tenants, named.header)
                metrics.RECEIVED.labels(source).inc(len(parsed.alerts) + parsed.rejected_count)
                metrics.REJECTED.labels(source).inc(parsed.rejected_count)
                return _Taken(parsed, placed, await self._store(source, now, parsed, placed))
        except Overloaded:
            if not body:  # what is refused later is noted by the intake, for the tenants that it is of
                self._parts.intake.note_refusal(sender.tenant_id)
            raise
        except Unsigned:
            metrics.REJECTED.labels(source).inc()
            raise
        except MalformedBody as error:
            named = _tenant_named(request, sender)
            home = sender.tenant_id if named is None else await self._parts.placing.home_of(named.tenant)
            await self._note_refusal(home, source, error, body)
            raise

    async def _store(self, source: str, now: datetime, parsed: Parsed, placed: Placed) -> list[Receipt]:
        """Commit each tenant's part; returns when all are, with the receipts in the order of the request.

        A part that cannot be stored costs the others nothing. Raises what was wrong with it, when they are stored.
        """
        deliveries = deliveries_of(parsed, placed, source, now)
        outcomes = await self._parts.intake.deliver_all(deliveries)
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            if isinstance(outcome, list):
                rejected = parsed.rejected_count if delivery.rejected else 0
                self._count(delivery.tenant_id, source, now, len(delivery.alerts), rejected)
        return receipts_of(placed, outcomes)

    async def _note_refusal(self, tenant_id: str, source: str, error: MalformedBody, body: bytes) -> None:
        """Keep a refused body where an operator finds it. If that fails too, the answer still says what is wrong."""
        now = self._parts.clock.now()
        metrics.REJECTED.labels(source).inc()
        excerpt = _SECRETS.sub(rb"\1...", body[: 2 * EXCERPT])[:EXCERPT].decode(errors="replace")
        rejected = RejectedAlert(-1, error.message, excerpt)
        try:
            await self._parts.intake.deliver(Delivery(tenant_id, source, now, rejected=[rejected]))
        except Overloaded:
            return
        self._count(tenant_id, source, now, 0, 1)

    def _count(self, tenant_id: str, source: str, now: datetime, taken: int, rejected: int) -> None:
        """Count what was stored: a request that is answered with 503 comes again."""
        self._parts.intake.tally.count(tenant_id, source, now, alerts=taken + rejected, rejected=rejected)
        metrics.LAST_RECEIVED.labels(source).set(now.timestamp())


def _check_media_type(request: Request) -> None:
    """Only JSON: it is what senders send, and a form of a foreign page cannot send it without asking first.

    Nothing is unpacked, as in Alertmanager: no sender packs, and a few bytes could become gigabytes.
    """
    given = request.headers.get("content-type", "application/octet-stream")
    if (media_type := given.partition(";")[0].strip().lower()) != "application/json":
        message = f'unsupported media type "{media_type[:80]}", only [application/json] are allowed'
        raise MalformedBody(message, status=415, code=415)
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise MalformedBody(f'the body is packed ("{coding[:80]}"): send it as it is, without Content-Encoding')


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
