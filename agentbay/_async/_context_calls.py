"""What the context service asks, and what it makes of the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from agentbay._async._failures import refusal_text
from agentbay._wire.envelope import malformed_part
from agentbay.errors import AgentBayError, ProtocolError
from agentbay.models.context import (
    Context,
    ContextFileEntry,
    ContextFileListResult,
    ContextListResult,
    ContextResult,
    FileUrlResult,
)

if TYPE_CHECKING:
    from agentbay._transport.rpc import Rpc
    from agentbay._wire.actions.contexts import (
        ContextData,
        DescribeContextFiles,
        FileUrlData,
        GetContext,
        ListContexts,
    )
    from agentbay._wire.envelope import Reply
    from agentbay._wire.request import Request
    from agentbay.models.results import Outcome

ResultT = TypeVar("ResultT", bound="Outcome")

DEFAULT_PAGE_SIZE = 10
DEFAULT_FILE_PAGE_SIZE = 50


def problem(error: AgentBayError, doing: str) -> str:
    """Return the documented text for a call that failed with *error*."""
    part = malformed_part(error)
    if part == "body":
        return "Invalid response body"
    if isinstance(error, ProtocolError):
        return f"Failed to parse response: {error}"
    return f"{doing}: {error}"


def refused(kind: type[ResultT], reply: Reply[Any], **fields: Any) -> ResultT:
    """Return the failed result for a reply that is a refusal."""
    assert reply.refusal is not None  # noqa: S101 - what callers have just seen, for mypy
    text = refusal_text(reply.refusal)
    return kind.failure(text, reply.refusal, request_id=reply.request_id, **fields)


def described(found: ContextData, name: str = "") -> Context:
    """Return the public form of a context; *name* is for services that leave it out."""
    return Context(
        found.id, found.name or name, found.create_time or None, found.last_used_time or None
    )


async def get(rpc: Rpc, request: GetContext) -> ContextResult:
    try:
        reply = await rpc.call(request)
    except AgentBayError as exc:
        if malformed_part(exc) == "Data":
            return ContextResult.failure("Invalid data format", exc)
        wanted = request.name or request.context_id
        return ContextResult.failure(problem(exc, f"Failed to get context {wanted}"), exc)
    if reply.refusal is not None:
        return refused(ContextResult, reply)
    if reply.data is None or not reply.data.id:
        return ContextResult(reply.request_id, True)
    context = described(reply.data, request.name or "")
    return ContextResult(reply.request_id, True, context.id, context)


async def list_page(rpc: Rpc, request: ListContexts) -> ContextListResult:
    try:
        reply = await rpc.call(request)
    except AgentBayError as exc:
        return ContextListResult.failure(problem(exc, "Failed to list contexts"), exc)
    if reply.refusal is not None:
        return refused(ContextListResult, reply)
    return ContextListResult(
        reply.request_id,
        True,
        [described(item) for item in reply.data or ()],
        reply.next_token,
        reply.max_results or request.max_results,
        reply.total_count,
    )


async def list_file_page(rpc: Rpc, request: DescribeContextFiles) -> ContextFileListResult:
    """Return one page of files.

    Raises:
        AgentBayError: the service could not be asked.
    """
    reply = await rpc.call(request)
    if reply.refusal is not None:
        return refused(ContextFileListResult, reply)
    entries = [
        ContextFileEntry(
            item.file_id,
            item.file_name,
            item.file_path,
            item.file_type or None,
            item.gmt_create or None,
            item.gmt_modified or None,
            item.size,
            item.status or None,
        )
        for item in reply.data or ()
    ]
    return ContextFileListResult(reply.request_id, True, entries, reply.count, reply.next_token)


async def file_url(rpc: Rpc, request: Request[FileUrlData]) -> FileUrlResult:
    """Return a signed URL.

    Raises:
        AgentBayError: the service could not be asked.
    """
    reply = await rpc.call(request)
    if reply.refusal is not None:
        return refused(FileUrlResult, reply)
    if reply.data is None or not reply.data.url:
        return FileUrlResult.failure("No URL in response", request_id=reply.request_id)
    return FileUrlResult(reply.request_id, True, reply.data.url, reply.data.expire_time)
