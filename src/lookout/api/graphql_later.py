"""GraphQL, which is loaded when somebody first asks: it is a quarter of what a start would take."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from lookout.api.loaded import staying
from lookout.api.parts import Parts


class GraphQLLater:
    """The application of `lookout.api.graphql`. The first request waits a quarter of a second for it, and none else."""

    def __init__(self, parts: Parts, *, playground: bool) -> None:
        self._parts = parts
        self._playground = playground
        self._app: ASGIApp | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._loading:
            if self._app is None:
                self._app = await asyncio.to_thread(self._load)
        await self._app(scope, receive, send)

    def _load(self) -> ASGIApp:
        with staying("lookout.api.graphql"):
            from lookout.api.graphql import graphql_app
        return graphql_app(self._parts, playground=self._playground)
