"""All sessions, page after page."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from agentbay._async._listing import list_page, make_listing
from agentbay.errors import ProtocolError
from agentbay.models.session import SessionListItem, SessionListResult, SessionStatus

if TYPE_CHECKING:
    from typing_extensions import Self

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._wire.actions.sessions import ListSession

__all__ = ("AsyncSessionIterator",)


class AsyncSessionIterator:
    """Iterates over listed sessions, fetching pages as they are needed.

    Args:
        agent_bay: The client.
        labels: List only sessions that have all of these.
        limit: Sessions per page; default 10.
        status: List only sessions in this state.
        image_id: List only sessions of this image.
    """

    def __init__(
        self,
        agent_bay: AsyncAgentBay,
        labels: dict[str, str] | None = None,
        limit: int | None = None,
        status: str | SessionStatus | None = None,
        image_id: str | None = None,
    ) -> None:
        self._agent_bay = agent_bay
        self._next: ListSession | SessionListResult | None
        self._next = make_listing(labels, limit, status, image_id)
        self._items: deque[SessionListItem] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionListItem:
        """Return the next session.

        Raises:
            AgentBayError: a page could not be had.
        """
        while not self._items:
            if self._next is None:
                raise StopAsyncIteration
            if isinstance(self._next, SessionListResult):  # what was asked for makes no sense
                self._next.raise_for_error()
                raise StopAsyncIteration
            await self._fetch(self._next)
        return self._items.popleft()

    async def _fetch(self, request: ListSession) -> None:
        page = await list_page(self._agent_bay._rpc, request, "Failed to list sessions")
        page.raise_for_error()
        if page.next_token and page.next_token == request.next_token:
            raise ProtocolError(
                "Failed to list sessions: the service names the same page as the next again",
                request_id=page.request_id,
            )
        self._items.extend(page.session_ids)
        following = attrs.evolve(request, next_token=page.next_token)
        self._next = following if page.next_token else None

    async def close(self) -> None:
        """Stop: nothing more is returned or fetched. Closing again does nothing."""
        self._next = None
        self._items.clear()
