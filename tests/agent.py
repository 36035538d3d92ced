"""What an agent does: the SDK's own client of the Model Context Protocol, over HTTP, at a running Lookout."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent, TextResourceContents
from tests.driver import Driver

MODES = ("legacy", "auto")
"""The protocol with its handshake, as most clients speak it, and the newer one, of which each request stands alone."""


class Agent:
    """A client. It checks every answer against the schema that the tool has announced."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def calls(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What the tool answers; the text that a model reads is the same."""
        result = await self._result(tool, arguments)
        assert not result.is_error, result.content
        [content] = result.content
        assert isinstance(content, TextContent)
        assert httpx2.Response(200, text=content.text).json() == result.structured_content
        return result.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Why the tool has no answer."""
        result = await self._result(tool, arguments)
        assert result.is_error
        [content] = result.content
        assert isinstance(content, TextContent)
        return content.text

    async def reads(self, uri: str) -> Any:
        """A resource, as JSON."""
        [content] = (await self.client.read_resource(uri)).contents
        assert isinstance(content, TextResourceContents)
        assert content.mime_type == "application/json"
        return httpx2.Response(200, text=content.text).json()

    async def tools(self) -> list[str]:
        """The names of the tools that it is offered."""
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def _result(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        result = await self.client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        return result


@asynccontextmanager
async def agent(lookout: Driver, headers: dict[str, str] | None = None, mode: str = "auto") -> AsyncGenerator[Agent]:
    """An agent that is connected, with a credential in `headers` where there is one."""
    async with httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
        transport = streamable_http_client(f"{lookout.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield Agent(client)
