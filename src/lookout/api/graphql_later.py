"""GraphQL, which is loaded when somebody first asks: it is a quarter of what a start would take."""

import asyncio
import gc
import sys

from starlette.types import ASGIApp, Receive, Scope, Send

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
        is_new = "lookout.api.graphql" not in sys.modules
        from lookout.api.graphql import graphql_app

        if is_new:
            gc.freeze()  # it stays, as what was made at the start
        return graphql_app(self._parts, playground=self._playground)
