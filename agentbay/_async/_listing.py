"""Looking sessions up: one by its id, many by what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from agentbay._async._failures import find_problem, refusal_text
from agentbay._wire.actions.sessions import GetSession, ListSession, SessionData
from agentbay._wire.codec import JsonText, dump_json, lenient_converter
from agentbay._wire.envelope import Code
from agentbay.errors import AgentBayError, NotFoundError
from agentbay.models.session import SessionListItem, SessionListResult, SessionStatus
from agentbay.models.session_state import GetSessionData, GetSessionResult

if TYPE_CHECKING:
    from agentbay._transport.rpc import Rpc

DEFAULT_PAGE_SIZE = 10


async def look_up(rpc: Rpc, session_id: str) -> tuple[GetSessionResult, SessionData | None]:
    """Ask for a session; return the public result, and what it was made from."""
    try:
        reply = await rpc.call(GetSession(session_id=session_id))
    except AgentBayError as exc:
        problem = find_problem(session_id, exc, "get session")
        missing = isinstance(exc, NotFoundError)
        code = Code.SESSION_NOT_FOUND if missing else getattr(exc, "code", "")
        return GetSessionResult.failure(problem, exc, code=code), None
    if reply.refusal is not None:
        problem = refusal_text(reply.refusal)
        return GetSessionResult.failure(problem, reply.refusal, request_id=reply.request_id), None
    if reply.success is False:
        return GetSessionResult.failure(reply.message, request_id=reply.request_id), None
    facts = reply.data
    if facts is None:
        found = GetSessionResult(reply.request_id, reply.http_status, reply.code, True)
        return found, SessionData()
    tools = lenient_converter.unstructure(facts.tool_list)
    data = GetSessionData(
        app_instance_id=facts.app_instance_id,
        resource_id=facts.resource_id,
        session_id=facts.session_id or session_id,
        success=facts.success is not False,
        http_port=facts.http_port,
        network_interface_ip=facts.network_interface_ip,
        token=facts.token,
        link_url=facts.link_url,
        ws_url=facts.ws_url,
        vpc_resource=facts.vpc_resource,
        vpc_ip=facts.vpc_ip,
        vpc_id=facts.vpc_id,
        resource_url=facts.resource_url,
        status=facts.status,
        tool_list=dump_json(tools, JsonText.COMPACT) if tools else "",
        contexts=[dict(context) for context in facts.contexts],
    )
    found = GetSessionResult(reply.request_id, reply.http_status, reply.code, True, data)
    return found, facts


def make_listing(
    labels: dict[str, str] | None,
    limit: int | None,
    status: str | SessionStatus | None,
    image_id: str | None,
) -> ListSession | SessionListResult:
    """Return the request for the first page, or what is wrong with it."""
    size = DEFAULT_PAGE_SIZE if limit is None else limit
    state = status.value if isinstance(status, SessionStatus) else status
    states = [member.value for member in SessionStatus]
    if state is not None and state not in states:
        problem = f"Invalid status '{state}'. Must be one of: {', '.join(states)}"
        return SessionListResult.failure(problem, max_results=size)
    return ListSession(
        labels=labels or {}, max_results=size, status=state, image_id=image_id or None
    )


async def numbered_page(rpc: Rpc, first: ListSession, number: int) -> SessionListResult:
    """Return page *number*; the service only knows the next one, so all before are asked for."""
    size, request = first.max_results, first
    if number < 1:
        problem = f"Cannot reach page {number}: Page number must be >= 1"
        return SessionListResult.failure(problem, max_results=size)
    for _ in range(1, number):
        before = await list_page(rpc, request, f"Cannot reach page {number}")
        if not before.success:
            return before
        if not before.next_token:
            return SessionListResult.failure(
                f"Cannot reach page {number}: No more pages available",
                max_results=size,
                total_count=before.total_count,
            )
        request = attrs.evolve(request, next_token=before.next_token)
    return await list_page(rpc, request, "Failed to list sessions")


async def list_page(rpc: Rpc, request: ListSession, on_refusal: str) -> SessionListResult:
    """Return the page for *request*; *on_refusal* begins the message of a refusal."""
    size = request.max_results
    try:
        reply = await rpc.call(request)
    except AgentBayError as exc:
        problem = f"Failed to list sessions: {exc}"
        return SessionListResult.failure(problem, exc, max_results=size)
    if reply.refusal is not None:
        reason = reply.refusal.detail or reply.refusal.code or "Unknown error"
        problem = f"{on_refusal}: {reason}"
        return SessionListResult.failure(problem, reply.refusal, max_results=size)
    items = [
        SessionListItem(
            listed.session_id,
            listed.session_status or "UNKNOWN",
            listed.app_instance_id,
            listed.image_id,
        )
        for listed in reply.data or ()
    ]
    return SessionListResult(
        reply.request_id,
        True,
        session_ids=items,
        next_token=reply.next_token,
        max_results=reply.max_results or size,
        total_count=reply.total_count,
    )
