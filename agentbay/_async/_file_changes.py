"""Asking a session what changed in a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async._failures import is_lasting
from agentbay._wire.tools.files import GetFileChange
from agentbay.models.filesystem import FileChangeResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession

__all__ = ("take_changes", "was_last")


LOOK_TIMEOUT = 30.0
"""Seconds that one look may take."""

_GONE = ("expired", "invalid", "not found")


async def take_changes(session: AsyncSession, path: str) -> FileChangeResult:
    """Return what changed since the last time that anybody asked; the first finds nothing."""
    tool = GetFileChange(path=path)
    result = await session.call_mcp_tool(
        tool.tool_name, tool.arguments(), read_timeout=LOOK_TIMEOUT
    )
    if not result.success:
        message = result.error_message or "Failed to get file change"
        return FileChangeResult.failure(
            message, result.exception, request_id=result.request_id, raw_data=result.data
        )
    return FileChangeResult(
        result.request_id, True, GetFileChange.parse(result.data), raw_data=result.data
    )


def was_last(result: FileChangeResult) -> bool:
    """Return whether asking again makes no sense, because the session is gone."""
    text = result.error_message.lower()
    is_gone = "session" in text and any(mark in text for mark in _GONE)
    return not result.success and (is_gone or is_lasting(result.exception))
