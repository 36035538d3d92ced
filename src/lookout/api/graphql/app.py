"""The ASGI application: POST for queries and mutations, WebSocket (graphql-transport-ws) for everything.

It looks at no path, so it works wherever it is mounted, and never redirects. A body and a message are JSON objects;
what is not is a 400, or closes the WebSocket, and whatever it holds it is no crash.
"""

import json
from datetime import timedelta

import msgspec
from cross_web import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message

from lookout.api.answers import error_answer
from lookout.api.graphql.asking import Asking, caller_of
from lookout.api.graphql.schema import SCHEMA
from lookout.api.parts import Parts
from lookout.errors import Refused

BODY_LIMIT = 256 * 1024
"""Bytes of a request: the longest document and a note of the longest, and room."""
SUBSCRIPTIONS_LIMIT = 20
"""Operations under way on one WebSocket."""
INIT_WAIT = timedelta(seconds=10)
"""How long a WebSocket may stay without saying `connection_init`."""
_REASON_BYTES = 120
"""A WebSocket's closing frame holds no more."""


def graphql_app(parts: Parts, *, playground: bool) -> "GraphQLApp":
    """GraphQL over the parts; a browser that comes with GET gets GraphiQL where there is a `playground`."""
    return GraphQLApp(parts, playground=playground)


class _Operation(msgspec.Struct, rename="camel"):
    query: str
    variables: dict[str, object] | None = None
    operation_name: str | None = None


class _Subscribe(msgspec.Struct):
    id: str
    payload: _Operation


class _Socket(BaseGraphQLTransportWSHandler[Asking, None]):
    """Ends a WebSocket whose messages are not of the protocol, where Strawberry's own handler would crash."""

    async def handle_message(self, message: Message) -> None:
        try:
            if message["type"] == "subscribe":
                msgspec.convert(message, _Subscribe)
            await super().handle_message(message)
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            await self.handle_invalid_message(f"the message is not of graphql-transport-ws: {error}")


class _Wire(ASGIWebSocketAdapter):
    """Cuts the reason of a close to what fits: it may quote a document."""

    async def close(self, code: int, reason: str) -> None:
        await super().close(code, reason.encode()[:_REASON_BYTES].decode(errors="ignore"))


class GraphQLApp(GraphQL[Asking, None]):
    """Strawberry's application, with Lookout's bounds and errors."""

    graphql_transport_ws_handler_class = _Socket
    websocket_adapter_class = _Wire

    def __init__(self, parts: Parts, *, playground: bool) -> None:
        super().__init__(
            SCHEMA,
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
        try:
            answer: Response = await self.run(Request(scope, _bounded(receive)))
        except HTTPException as error:
            answer = error_answer(error.reason, error.status_code)
        except Refused as error:
            answer = error_answer(str(error), 400)
        await answer(scope, receive, send)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller_of(HTTPConnection(scope))
        except Refused as error:
            await send({"type": "websocket.close", "code": 1008, "reason": str(error)})
            return
        await self.run(WebSocket(scope, receive, send))

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Asking:
        return Asking(self._parts, caller_of(request), can_follow=isinstance(request, WebSocket))

    async def get_root_value(self, request: Request | WebSocket) -> None:
        return None

    def decode_json(self, data: str | bytes) -> object:
        """A JSON object. Raises `JSONDecodeError`, whatever else it is."""
        try:
            return msgspec.json.decode(data, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None

    def parse_json(self, data: str | bytes) -> object:
        try:
            return self.decode_json(data)
        except json.JSONDecodeError as error:
            raise HTTPException(400, f"the body is not one JSON object: {error.msg}") from None

    def encode_json(self, data: object) -> bytes | str:
        return msgspec.json.encode(data).decode()


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
