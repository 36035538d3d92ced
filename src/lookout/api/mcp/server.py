"""The SDK's server over the table of tools. Nothing else imports the SDK: see mount.py."""

from collections.abc import Mapping
from typing import Any

import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)
from mcp_types import Tool as ToolView
from starlette.requests import Request

from lookout import __version__
from lookout.api.answers import error_words
from lookout.api.edge import known_caller
from lookout.api.mcp import reading, triage
from lookout.api.mcp.answers import NOTICE
from lookout.api.mcp.arguments import OneIncident
from lookout.api.mcp.reading import Asking
from lookout.api.mcp.tools import TOOLS, Tool, call, limited, schema_of, terse
from lookout.api.openapi import event_schema, text_of
from lookout.api.parts import Parts, Scope
from lookout.errors import LookoutError, NotFound
from lookout.limits import Limits

INCIDENT_SCHEME = "incident://"
EVENT_SCHEMA = "lookout://event.schema.json"
_JSON = "application/json"
_INSTRUCTIONS = (
    "Lookout folds the alerts of many monitoring tools into incidents. Begin with list_incidents: it answers the worst "
    f"first. {NOTICE} Every answer has the position of the log that it is true for."
)

Context = ServerRequestContext[Any, Request]


def manager_of(parts: Parts, body_limit: int) -> StreamableHTTPSessionManager:
    """The protocol over HTTP, a plain answer to each request. No request is remembered, so any replica answers it."""
    return StreamableHTTPSessionManager(
        _server_of(Desk(parts)), json_response=True, stateless=True, max_request_body_size=body_limit
    )


def _server_of(desk: "Desk") -> Server:
    return Server(
        "lookout",
        version=__version__,
        title="Lookout",
        instructions=_INSTRUCTIONS,
        get_tool_input_schema=desk.input_schema,
        on_list_tools=desk.list_tools,
        on_call_tool=desk.call_tool,
        on_list_resources=desk.list_resources,
        on_list_resource_templates=desk.list_templates,
        on_read_resource=desk.read_resource,
        on_list_prompts=desk.list_prompts,
        on_get_prompt=desk.get_prompt,
    )


class Desk:
    """Answers the protocol's requests."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._views = views_of(parts.limits)

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        """What a tool takes, None if there is none of that name."""
        view = self._views.get(name)
        return view.input_schema if view is not None else None

    def _asking(self, context: Context) -> Asking:
        assert context.request is not None
        return Asking(self._parts, known_caller(context.request))

    async def list_tools(self, context: Context, _: PaginatedRequestParams | None) -> ListToolsResult:
        """Those that the caller may use: what is offered and then refused leads an agent astray."""
        scopes = self._asking(context).caller.scopes
        return ListToolsResult(tools=[self._views[name] for name, tool in TOOLS.items() if tool.scope in scopes])

    async def call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """The tool's answer, or why it has none: an agent reads that, and may mend what it asked for."""
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {params.name[:64]!r}: tools/list names them")
        try:
            answer = await call(tool, self._asking(context), params.arguments or {})
        except Exception as error:  # noqa: BLE001 - the request's boundary: nothing of the inside goes out
            return CallToolResult(is_error=True, content=[TextContent(text=error_words(error, "mcp"))])
        return CallToolResult(
            content=[TextContent(text=msgspec.json.encode(answer).decode())],
            structured_content=msgspec.to_builtins(answer),
        )

    async def list_resources(self, _: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
        says = "The JSON Schema of an event of the feed, as SSE, GraphQL and Kafka send it."
        schema = Resource(
            uri=EVENT_SCHEMA, name="event.schema.json", title="Event schema", description=says, mime_type=_JSON
        )
        return ListResourcesResult(resources=[schema])

    async def list_templates(self, _: Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        incident = ResourceTemplate(
            uri_template=f"{INCIDENT_SCHEME}{{id}}",
            name="incident",
            title="Incident",
            description="One incident with its worst alerts and its last investigations, as get_incident answers it.",
            mime_type=_JSON,
        )
        return ListResourceTemplatesResult(resource_templates=[incident])

    async def read_resource(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        try:
            text = await self._text_of(self._asking(context), params.uri)
        except Exception as error:  # noqa: BLE001 - as above
            code = INVALID_PARAMS if isinstance(error, LookoutError) else INTERNAL_ERROR
            raise MCPError(code, error_words(error, "mcp")) from None
        return ReadResourceResult(contents=[TextResourceContents(uri=params.uri, mime_type=_JSON, text=text)])

    async def _text_of(self, asking: Asking, uri: str) -> str:
        asking.caller.allowed(Scope.READ)
        if uri == EVENT_SCHEMA:
            return text_of(event_schema())
        if uri.startswith(INCIDENT_SCHEME):
            incident_id = uri.removeprefix(INCIDENT_SCHEME)
            return msgspec.json.encode(await reading.get_incident(asking, OneIncident(incident_id))).decode()
        raise NotFound(f"there is no resource {uri[:64]!r}: there are {INCIDENT_SCHEME}ID and {EVENT_SCHEMA}")

    async def list_prompts(self, _: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
        argument = PromptArgument(
            name="incident_id", description="Which incident; without it the worst that nobody has looked into."
        )
        return ListPromptsResult(
            prompts=[
                Prompt(name=triage.NAME, title="Triage an incident", description=triage.SAYS, arguments=[argument])
            ]
        )

    async def get_prompt(self, _: Context, params: GetPromptRequestParams) -> GetPromptResult:
        if params.name != triage.NAME:
            raise MCPError(INVALID_PARAMS, f"there is no prompt {params.name[:64]!r}: there is {triage.NAME}")
        try:
            text = triage.text_of((params.arguments or {}).get("incident_id", ""))
        except LookoutError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from None
        return GetPromptResult(
            description=triage.SAYS, messages=[PromptMessage(role="user", content=TextContent(text=text))]
        )


def views_of(limits: Limits) -> Mapping[str, ToolView]:
    """The tools as they are offered, by name."""
    return {name: _view_of(tool, limits) for name, tool in TOOLS.items()}


def _view_of(tool: Tool, limits: Limits) -> ToolView:
    return ToolView(
        name=tool.name,
        title=tool.title,
        description=tool.says,
        input_schema=limited(schema_of(tool.takes), limits),
        output_schema=terse(schema_of(tool.answers)),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.only_reads,
            destructive_hint=tool.is_final,
            idempotent_hint=tool.is_repeatable,
            open_world_hint=False,
        ),
    )
