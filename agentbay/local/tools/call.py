"""One tool call, the same for every route it came by."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from agentbay._wire.actions.tools import ToolPayload
from agentbay._wire.catalogue import TOOLS
from agentbay.errors import ProtocolError
from agentbay.local.tools.registry import ToolFailedError, offered_tools, runner_of
from agentbay.local.tools.worker import BAD_ARGUMENT

if TYPE_CHECKING:
    from agentbay._wire.tools.base import Tool
    from agentbay.local.session import Session

__all__ = ("call_tool",)

logger = logging.getLogger(__name__)

_SHOWN = 100
"""Characters of a name that nobody knows which are repeated to the caller."""


async def call_tool(
    session: Session, name: str, server: str, arguments: dict[str, Any]
) -> ToolPayload:
    """Run a tool of *session*; its failures are answers, too.

    Raises:
        ServiceError: The session cannot be used in its present state, or has too many calls.
    """
    started = time.monotonic()
    # Contents of files, mostly; the rest is small.
    characters = sum(len(value) for value in arguments.values() if isinstance(value, str))
    async with session.tool_call(characters) as place:
        try:
            kind = _find(session, name, server)
            text = await runner_of(kind)(_check(kind, arguments), place)
            payload = ToolPayload.of_text(text)
        except ToolFailedError as exc:
            payload = ToolPayload.of_text(exc.text, is_error=True)
    logger.debug(
        "Session %s: tool %s %s in %.1f ms",
        session.id,
        name if name in TOOLS else "(unknown)",
        "failed" if payload.is_error else "succeeded",
        (time.monotonic() - started) * 1000,
    )
    return payload


def _find(session: Session, name: str, server: str) -> type[Tool]:
    """Return the tool of that name; names are unique, so a wrong server does no harm."""
    kinds = {kind.tool_name: kind for kind in offered_tools(session.image.profile.servers)}
    if name not in kinds:
        raise ToolFailedError.of_code(
            BAD_ARGUMENT,
            f"Unknown tool: {name[:_SHOWN]!r}. Image {session.image.id} offers {', '.join(kinds)}",
        )
    if server and server != kinds[name].server:
        logger.debug("Tool %s was called at server %s, it belongs to another", name, server)
    return kinds[name]


def _check(kind: type[Tool], arguments: dict[str, Any]) -> Tool:
    try:
        return kind.from_arguments(arguments)
    except ProtocolError as exc:
        raise ToolFailedError.of_code(BAD_ARGUMENT, str(exc)) from exc
