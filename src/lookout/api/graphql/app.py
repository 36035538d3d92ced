"""The ASGI application: POST for queries and mutations, WebSocket (graphql-transport-ws) for everything.

It looks at no path, so it works wherever it is mounted, and never redirects. A body and a message are JSON objects;
what is not is a 400, or closes the WebSocket, and whatever it holds it is no crash.
"""

import asyncio
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLRequestData
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message
from strawberry.types.unset import UnsetType

from lookout.api.answers import error_answer, lookout_error
from lookout.api.edge import Visit, reader_of, visit_of
from lookout.api.graphql.asking import Asking
from lookout.api.graphql.errors import explained
from lookout.api.graphql.schema import SCHEMA, closed_schema
from lookout.api.limits import Place, Streams
from lookout.api.parts import Caller, Parts
from lookout.api.parts import Scope as CredentialScope
from lookout.errors import LookoutError, Overloaded

BODY_LIMIT = 256 * 1024
"""Bytes of a request: the longest document and a note of the longest, and room."""
SUBSCRIPTIONS_LIMIT = 20
"""Operations under way on one WebSocket."""
INIT_WAIT = timedelta(seconds=10)
"""How long a WebSocket may stay without saying `connection_init`."""
_REASON_BYTES = 120
"""A WebSocket's closing frame holds no more."""


_PLAYGROUND_POLICY = "default-src 'self' 'unsafe-inline' https: data:; frame-ancestors 'none'"
"""GraphiQL's scripts come from elsewhere, and it has some in its page."""
_LATER = 1013
"""The code for who may come again."""
_NO_LONGER = 4403
"""The WebSocket's closing code for who may not be here, as the protocol has it."""


def graphql_app(parts: Parts, *, playground: bool) -> "GraphQLApp":
    """GraphQL over the parts. With `playground` a browser gets GraphiQL, and the schema can be asked for."""
    return GraphQLApp(parts, playground=playground)


class _Sitting:
    """A WebSocket from its first message to its last."""

    def __init__(self, visit: Visit, streams: Streams) -> None:
        self.visit = visit
        self._streams = streams
        self._place: Place | None = None
        self._refusal: LookoutError | None = None
        """Why nobody was let in."""
        self.admitted = asyncio.Event()
        if visit.caller is not None:
            self.admitted.set()

    async def admit(self, parameters: Mapping[str, object]) -> Caller:
        """Take the credential of `connection_init`. Raises `Unauthenticated`, `Refused`, `Forbidden`, `TooMany`."""
        assert self.visit.admit is not None
        given = parameters.get("Authorization", parameters.get("authorization"))
        with self._noting_refusal():
            self.visit = await self.visit.admit(given if isinstance(given, str) else None)
            assert self.visit.caller is not None
            caller = self.visit.caller().allowed(CredentialScope.READ)
            self.visit.count()
        self.admitted.set()
        return caller

    def count(self) -> None:
        """Count an operation as the request that it would be over HTTP. Raises `TooMany`."""
        self.visit.count()

    def sit(self, caller: Caller) -> None:
        """Count it as an open stream. Raises `TooMany`."""
        with self._noting_refusal():
            if self._place is None:
                self._place = self._streams.open(caller.counted_as)

    @contextmanager
    def _noting_refusal(self) -> Generator[None]:
        try:
            yield
        except LookoutError as error:
            self._refusal = error
            raise

    def closing(self, code: int, reason: str) -> tuple[int, str]:
        """The code and the reason of a close. The protocol has one word for each refusal, and one may pass."""
        if isinstance(self._refusal, Overloaded):
            return _LATER, str(self._refusal)
        return code, reason

    def leave(self) -> None:
        """Count it no more."""
        if self._place is not None:
            self._place.close()

    async def ended(self) -> None:
        """Return once whoever sits here may no longer."""
        await self.admitted.wait()
        await self.visit.ended()


class _Operation(msgspec.Struct, rename="camel"):
    query: str
    variables: dict[str, object] | None = None
    operation_name: str | None = None


class _Subscribe(msgspec.Struct):
    id: str
    payload: _Operation


class _Socket(BaseGraphQLTransportWSHandler[Asking, None]):
    """Ends a WebSocket whose messages are not of the protocol, where Strawberry's own handler would crash.

    Each operation is counted as a request.
    """

    async def handle_message(self, message: Message) -> None:
        try:
            if message["type"] == "subscribe":
                msgspec.convert(message, _Subscribe)
                if self.connection_acknowledged and (refusal := self._refusal()) is not None:
                    await self.send_message({"id": message["id"], "type": "error", "payload": [refusal.formatted]})
                    return
            await super().handle_message(message)
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            await self.handle_invalid_message(f"the message is not of graphql-transport-ws: {error}")

    async def handle_task_exception(self, error: Exception) -> None:
        """A client that is gone while it is told something comes back after what it has: no failure of ours."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    def _refusal(self) -> GraphQLError | None:
        """Why one more operation is refused, None if it is not."""
        assert self.context.count is not None
        try:
            self.context.count()
        except LookoutError as error:
            return explained(GraphQLError(str(error), original_error=error))
        return None


class _Wire(ASGIWebSocketAdapter):
    """Cuts the reason of a close to what fits: it may quote a document."""

    async def close(self, code: int, reason: str) -> None:
        sitting: _Sitting = self.ws.scope["state"]["sitting"]
        code, reason = sitting.closing(code, reason)
        await super().close(code, reason.encode()[:_REASON_BYTES].decode(errors="ignore"))


class GraphQLApp(GraphQL[Asking, None]):
    """Strawberry's application, with Lookout's bounds and errors."""

    graphql_transport_ws_handler_class = _Socket
    websocket_adapter_class = _Wire

    def __init__(self, parts: Parts, *, playground: bool) -> None:
        super().__init__(
            SCHEMA if playground else closed_schema(),
            graphql_ide="graphiql" if playground else None,
            allow_queries_via_get=False,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=INIT_WAIT,
            max_subscriptions_per_connection=SUBSCRIPTIONS_LIMIT,
        )
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
            return
        request = Request(scope, _bounded(receive))
        try:
            answer: Response = await self.run(request)
        except HTTPException as error:
            answer = error_answer(error.reason, error.status_code)
        except LookoutError as error:
            answer = lookout_error(request, error)
        if (answer.media_type or "").startswith("text/html"):
            answer.headers["Content-Security-Policy"] = _PLAYGROUND_POLICY
        await answer(scope, receive, send)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            visit = visit_of(connection)
            if visit.caller is not None:
                reader_of(connection)
        except LookoutError as error:
            await send({"type": "websocket.close", "code": 1008, "reason": str(error)})
            return
        sitting = scope["state"]["sitting"] = _Sitting(visit, self._parts.streams)
        socket = WebSocket(scope, receive, send)
        serving = asyncio.ensure_future(self.run(socket))
        ending = asyncio.create_task(sitting.ended())
        try:
            await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                await socket.close(_NO_LONGER, "the credential no longer holds")
            await serving
        finally:
            sitting.leave()
            for task in (serving, ending):
                task.cancel()

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Asking:
        if isinstance(request, Request):
            return Asking(self._parts, reader_of(request))
        sitting: _Sitting = request.scope["state"]["sitting"]
        known = sitting.visit.caller() if sitting.visit.caller is not None else None
        return Asking(self._parts, known, can_follow=True, admit=sitting.admit, sit=sitting.sit, count=sitting.count)

    async def on_ws_connect(self, context: Asking) -> UnsetType | dict[str, object] | None:
        """Who came without a header says who they are in their first message."""
        assert context.admit is not None
        assert context.sit is not None
        try:
            if context.known is None:
                context.known = await context.admit(context.connection_params or {})
            context.sit(context.known)
        except LookoutError as error:
            raise ConnectionRejectionError({"message": str(error)}) from None
        return await super().on_ws_connect(context)

    async def execute_operation(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: GraphQLRequestData | list[GraphQLRequestData],
        context: Asking,
        root_value: None,
        sub_response: Response,
    ) -> Any:
        """Each operation of a batch is counted as the request that it would be alone. Raises `TooMany`."""
        if isinstance(request_data, list):
            for _ in request_data[1:]:  # the first was counted with the request
                visit_of(request).count()
        return await super().execute_operation(
            request, request_adapter, request_data, context, root_value, sub_response
        )

    def _validate_batch_request(self, request_data: list[Any], protocol: str) -> None:
        """`parse_json` has looked at it; here is only left how it is to be answered."""
        if protocol != "http":
            raise HTTPException(400, "a batch is answered as one JSON array, and nothing else")

    async def get_root_value(self, request: Request | WebSocket) -> None:
        return None

    def decode_json(self, data: str | bytes) -> object:
        """A JSON object. Raises `JSONDecodeError`, whatever else it is."""
        try:
            return msgspec.json.decode(data, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None

    def parse_json(self, data: str | bytes) -> object:
        """A request: one operation, or where the settings let a batch of them be sent, an array of operations."""
        most = self._parts.limits.graphql_batch
        if most > 1 and data.lstrip()[:1] in (b"[", "["):
            return _batch_of(data, most)
        try:
            return self.decode_json(data)
        except json.JSONDecodeError as error:
            raise HTTPException(400, f"the body is not one JSON object: {error.msg}") from None

    def encode_json(self, data: object) -> bytes | str:
        return msgspec.json.encode(data).decode()


def _batch_of(data: str | bytes, most: int) -> object:
    """The operations of a batch, as Strawberry takes them. Raises `HTTPException`."""
    try:
        operations = msgspec.json.decode(data, type=list[_Operation])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise HTTPException(400, f"the body is not one JSON array of operations: {error}") from None
    if not 1 <= len(operations) <= most:
        raise HTTPException(400, f"a batch has 1 to {most} operations; this one has {len(operations)}")
    return msgspec.to_builtins(operations)


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def bounded() -> AsgiMessage:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_LIMIT:
            raise HTTPException(413, f"the body is larger than {BODY_LIMIT // 1024} KiB")
        return message

    return bounded
