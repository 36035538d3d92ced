"""Alerts in. Senders are answered in their own words, after the commit and not before."""

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookout import metrics
from lookout.alerts.alert import RejectedAlert
from lookout.api.answers import Json, error_answer
from lookout.api.bodies import Bodies
from lookout.api.edge import caller_of
from lookout.api.parts import Parts
from lookout.errors import Overloaded
from lookout.incidents.ledger import Receipt
from lookout.intake.work import Delivery
from lookout.sources import WEBHOOKS, Parser, prometheus
from lookout.sources.parsed import MalformedBody, Parsed
from lookout.store.database import PASSING_ERRORS

THREAD_FROM = 256 * 1024
"""Bytes from which a body is parsed in a thread, so that the server goes on answering."""
EXCERPT = 512

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_NO_STORE = {"Cache-Control": "no-store"}


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
    """The ingest paths. Every source has a parser; what follows is the same for all."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bodies = Bodies()

    def routes(self) -> list[Route]:
        """One route per source."""
        own = [Route(f"/v1/{name}", self._webhook(name, parse), methods=["POST"]) for name, parse in WEBHOOKS.items()]
        return [
            Route("/api/v2/alerts", self.alerts, methods=["POST"]),
            Route("/api/v2/{path:path}", _not_served, methods=_METHODS),
            Route("/api/v1/{path:path}", _deprecated, methods=_METHODS),
            *own,
        ]

    async def alerts(self, request: Request) -> Response:
        """`POST /api/v2/alerts`: the status and the two error shapes are Alertmanager's."""
        try:
            parsed, _ = await self._take(request, prometheus.NAME, prometheus.parse)
        except MalformedBody as error:
            return _framework_error(error.status, error.code, error.message)
        except (Overloaded, *PASSING_ERRORS) as error:
            return _framework_error(503, 503, str(error), {"Retry-After": "1"})
        if parsed.rejected:
            # Alertmanager's handler answers with a bare JSON string and a line break.
            message = "\n".join(rejected.reason for rejected in parsed.rejected)
            return Response(msgspec.json.encode(message) + b"\n", 400, _NO_STORE, media_type="application/json")
        return Response(status_code=200, headers=_NO_STORE)

    def _webhook(self, source: str, parse: Parser) -> Any:
        async def answer(request: Request) -> Response:
            try:
                return Json(_view(*await self._take(request, source, parse)))
            except MalformedBody as error:
                return error_answer(error.message, error.status)

        return answer

    async def _take(self, request: Request, source: str, parse: Parser) -> tuple[Parsed, list[Receipt]]:
        """Read, parse and store; returns after the commit. Raises `MalformedBody` after noting that it was refused."""
        caller = caller_of(request)
        body = b""
        try:
            _check_media_type(request)
            async with self._bodies.read(request) as body:
                now = self._parts.clock.now()
                parsed = await asyncio.to_thread(parse, body, now) if len(body) >= THREAD_FROM else parse(body, now)
                metrics.RECEIVED.labels(source).inc(len(parsed.alerts) + len(parsed.rejected))
                metrics.REJECTED.labels(source).inc(len(parsed.rejected))
                delivery = Delivery(caller.tenant_id, source, now, parsed.alerts, parsed.rejected)
                return parsed, await self._parts.intake.deliver(delivery)
        except MalformedBody as error:
            await self._note_refusal(caller.tenant_id, source, self._parts.clock.now(), error, body)
            raise

    async def _note_refusal(
        self, tenant_id: str, source: str, now: datetime, error: MalformedBody, body: bytes
    ) -> None:
        """Keep a refused body where an operator finds it. If that fails too, the answer still says what is wrong."""
        metrics.REJECTED.labels(source).inc()
        rejected = RejectedAlert(-1, error.message, body[:EXCERPT].decode(errors="replace"))
        try:
            await self._parts.intake.deliver(Delivery(tenant_id, source, now, rejected=[rejected]))
        except Overloaded:
            return


async def _not_served(request: Request) -> Response:
    """What of the Alertmanager API there is not, in its own words."""
    if request.path_params["path"] == "alerts":
        return _framework_error(405, 405, f"method {request.method} is not allowed, but [POST] are", {"Allow": "POST"})
    return _framework_error(404, 404, f"path {request.url.path} was not found")


async def _deprecated(_: Request) -> Response:
    """Version 1 of the Alertmanager API, which nothing current sends to."""
    message = "The Alertmanager v1 API is not served - please use the equivalent route in the v2 API"
    return Json({"status": "deprecated", "error": message}, 410)


def _check_media_type(request: Request) -> None:
    """Only JSON: it is what senders send, and a form of a foreign page cannot send it without asking first."""
    given = request.headers.get("content-type", "application/octet-stream")
    if (media_type := given.partition(";")[0].strip().lower()) != "application/json":
        message = f'unsupported media type "{media_type[:80]}", only [application/json] are allowed'
        raise MalformedBody(message, status=415, code=415)


def _framework_error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error as Alertmanager's API framework writes it: an object with `code` and `message`."""
    return Json({"code": code, "message": message}, status, headers)


def _view(parsed: Parsed, receipts: list[Receipt]) -> DeliveryView:
    return DeliveryView(
        [
            ReceiptView(
                receipt.fingerprint, "recorded" if receipt.recorded else "silent", receipt.reason, receipt.incident_id
            )
            for receipt in receipts
        ],
        [RejectionView(rejected.index, rejected.reason) for rejected in parsed.rejected],
    )
