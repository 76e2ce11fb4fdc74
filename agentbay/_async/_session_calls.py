"""What a session asks the service, apart from changing its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentbay._async._failures import find_problem, refusal_text
from agentbay._wire.actions.links import GetLink, GetMcpResource
from agentbay._wire.actions.sessions import (
    GetLabel,
    GetSessionDetail,
    RefreshSessionIdleTime,
    SetLabel,
)
from agentbay._wire.actions.tools import ListMcpTools
from agentbay._wire.envelope import Code, malformed_part
from agentbay.errors import AgentBayError, NotFoundError, SessionError
from agentbay.models.metrics import SessionMetrics, SessionMetricsResult
from agentbay.models.results import OperationResult
from agentbay.models.session import McpTool, McpToolsResult, SessionInfo, SessionStatusResult

if TYPE_CHECKING:
    from agentbay._transport.rpc import Rpc
    from agentbay._wire.actions.tools import ToolListing
    from agentbay._wire.envelope import Reply
    from agentbay.models.session import McpToolResult

LINK_PORTS = range(30100, 30200)

BAD_LABELS = (
    "Labels cannot be null, undefined, or invalid type. Please provide a valid labels object."
)


def _refused(reply: Reply[Any]) -> OperationResult[Any]:
    assert reply.refusal is not None  # noqa: S101 - what callers have just seen, for mypy
    return OperationResult.failure(
        refusal_text(reply.refusal), reply.refusal, request_id=reply.request_id
    )


def labels_problem(labels: object) -> str:
    """Return what is wrong with *labels*; empty when nothing is."""
    if isinstance(labels, list):
        return "Labels cannot be an array. Please provide a valid labels object."
    if not isinstance(labels, dict):
        return BAD_LABELS
    if not labels:
        return "Labels cannot be empty. Please provide at least one label."
    for key, value in labels.items():
        if not key or not str(key).strip():
            return "Label keys cannot be empty Please provide valid keys."
        if value is None or (isinstance(value, str) and not value.strip()):
            return "Label values cannot be empty Please provide valid values."
    return ""


async def set_labels(rpc: Rpc, session_id: str, labels: dict[str, str]) -> OperationResult[None]:
    problem = labels_problem(labels)
    if problem:
        return OperationResult.failure(problem)
    try:
        reply = await rpc.call(SetLabel(session_id=session_id, labels=labels))
    except AgentBayError as exc:
        raise SessionError(f"Failed to set labels for session {session_id}: {exc}") from exc
    return _refused(reply) if reply.refusal else OperationResult(reply.request_id, True)


async def get_labels(rpc: Rpc, session_id: str) -> OperationResult[dict[str, str]]:
    try:
        reply = await rpc.call(GetLabel(session_id=session_id))
    except AgentBayError as exc:
        raise SessionError(f"Failed to get labels for session {session_id}: {exc}") from exc
    if reply.refusal:
        return _refused(reply)
    return OperationResult(reply.request_id, True, dict(reply.data.labels) if reply.data else {})


async def get_link(
    rpc: Rpc,
    session_id: str,
    protocol_type: str | None,
    port: int | None,
    options: str | None,
    *,
    doing: str,
) -> OperationResult[str]:
    """Ask for a link; *doing* begins the message of a failure."""
    given: object = port
    if given is not None and (not isinstance(given, int) or given not in LINK_PORTS):
        raise SessionError(
            f"Invalid port value: {port}. Port must be an integer in the range "
            f"[{LINK_PORTS[0]}, {LINK_PORTS[-1]}]."
        )
    request = GetLink(session_id=session_id, protocol_type=protocol_type, port=port, option=options)
    try:
        reply = await rpc.call(request)
    except AgentBayError as exc:
        if malformed_part(exc) == "body":
            raise SessionError("Invalid response format: 'body' field is not a dictionary") from exc
        raise SessionError(f"{doing}: {exc}") from exc
    if reply.refusal:
        return _refused(reply)
    return OperationResult(reply.request_id, True, reply.data.url if reply.data else "")


async def info(rpc: Rpc, session_id: str) -> OperationResult[SessionInfo]:
    try:
        reply = await rpc.call(GetMcpResource(session_id=session_id))
    except NotFoundError as exc:
        return OperationResult.failure(f"Session {session_id} not found", exc)
    except AgentBayError as exc:
        raise SessionError(f"Failed to get session info for session {session_id}: {exc}") from exc
    if reply.refusal:
        return _refused(reply)
    found = reply.data
    if found is None:
        return OperationResult(reply.request_id, True, SessionInfo(session_id))
    desktop = found.desktop_info
    described = SessionInfo(
        found.session_id,
        found.resource_url,
        desktop.app_id,
        desktop.auth_code,
        desktop.connection_properties,
        desktop.resource_id,
        desktop.resource_type,
        desktop.ticket,
    )
    return OperationResult(reply.request_id, True, described)


async def get_status(rpc: Rpc, session_id: str) -> SessionStatusResult:
    try:
        reply = await rpc.call(GetSessionDetail(session_id=session_id))
    except AgentBayError as exc:
        problem = find_problem(session_id, exc, "get session status")
        facts: dict[str, Any] = {}
        if isinstance(exc, NotFoundError):
            facts = {"code": Code.SESSION_NOT_FOUND, "http_status_code": exc.http_status or 400}
        return SessionStatusResult.failure(problem, exc, **facts)
    if reply.refusal is not None:
        return SessionStatusResult.failure(
            refusal_text(reply.refusal), reply.refusal, request_id=reply.request_id
        )
    status = reply.data.status if reply.data is not None else ""
    return SessionStatusResult(reply.request_id, reply.http_status, reply.code, True, status)


async def keep_alive(rpc: Rpc, session_id: str) -> OperationResult[None]:
    try:
        reply = await rpc.call(RefreshSessionIdleTime(session_id=session_id))
    except AgentBayError as exc:
        return OperationResult.failure(f"Failed to keep session alive {session_id}: {exc}", exc)
    return _refused(reply) if reply.refusal else OperationResult(reply.request_id, True)


async def list_mcp_tools(rpc: Rpc, image_id: str) -> McpToolsResult:
    try:
        reply = await rpc.call(ListMcpTools(image_id=image_id))
    except AgentBayError as exc:
        raise SessionError(f"Failed to list MCP tools: {exc}") from exc
    if reply.refusal is not None:
        return McpToolsResult.failure(
            refusal_text(reply.refusal), reply.refusal, request_id=reply.request_id
        )
    return McpToolsResult(reply.request_id, mcp_tools(reply.data or ()), True)


def mcp_tools(listed: tuple[ToolListing, ...]) -> list[McpTool]:
    """Return the public form of a tool list."""
    return [
        McpTool(tool.name, tool.description, dict(tool.input_schema), tool.server, tool.tool)
        for tool in listed
    ]


def metrics(answer: McpToolResult) -> SessionMetricsResult:
    """Read the answer of tool ``get_metrics``."""
    if not answer.success:
        return SessionMetricsResult.failure(
            answer.error_message, answer.exception, request_id=answer.request_id
        )
    try:
        found, raw = SessionMetrics.from_json(answer.data)
    except ValueError as exc:
        return SessionMetricsResult.failure(
            f"Failed to parse get_metrics response: {exc}", request_id=answer.request_id
        )
    return SessionMetricsResult(answer.request_id, True, found, raw=raw)
