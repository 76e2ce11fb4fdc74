"""Where a file is: on this machine, in a session, or in a context."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer
from attrs import frozen

from agentbay.errors import AgentBayError

if TYPE_CHECKING:
    from agentbay import AsyncAgentBay, AsyncSession, Context

__all__ = ("Place", "find_context", "find_session", "parse_place")

_CONTEXT_ID = "SdkCtx-"
_IN_CONTEXT = re.compile(r"context:([^/:]+):(.*)", re.DOTALL)
_IN_SESSION = re.compile(r"([^/:]+):(.*)", re.DOTALL)


@frozen
class Place:
    """A path, and what it is a path of.

    Attributes:
        path: The path; absolute, unless it is one of this machine.
        session: Id of a session.
        context: Name or id of a context.
    """

    path: str
    session: str = ""
    context: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return not (self.session or self.context)


def parse_place(text: str) -> Place:
    """Read ``SESSION:/path``, ``context:NAME:/path`` or a path of this machine.

    A name of this machine that has a colon needs a slash before it, as with ``scp``.

    Raises:
        BadParameter: the path in a session or context is not absolute.
    """
    found = _IN_CONTEXT.fullmatch(text)
    place = Place(found[2], context=found[1]) if found else None
    if place is None:
        found = _IN_SESSION.fullmatch(text)
        place = Place(found[2], session=found[1]) if found else Place(text)
    if not place.is_local and not place.path.startswith("/"):
        raise typer.BadParameter(f"{text!r}: a path in a session or context begins with /")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        if not place.is_local:
            raise typer.BadParameter(f"{text!r} is not valid UTF-8") from exc
    return place


async def find_session(agent_bay: AsyncAgentBay, session_id: str) -> AsyncSession:
    """Return a handle on the session.

    Raises:
        AgentBayError: there is none, or it cannot be had.
    """
    found = await agent_bay.get(session_id)
    if found.session is None:
        raise AgentBayError(found.error_message) from found.exception
    return found.session


async def find_context(agent_bay: AsyncAgentBay, name: str) -> Context:
    """Return the context with this name or id.

    Raises:
        AgentBayError: there is none, or it cannot be had.
    """
    by_id = name.startswith(_CONTEXT_ID)
    found = await agent_bay.context.get(
        name=None if by_id else name, context_id=name if by_id else None
    )
    found.raise_for_error()
    if found.context is None:
        raise AgentBayError(f"There is no context {name!r}")
    return found.context
