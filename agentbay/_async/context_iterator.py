"""All contexts, and all files of a context, page after page."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from agentbay._async import _context_calls as calls
from agentbay._wire.actions.contexts import DescribeContextFiles, ListContexts
from agentbay.errors import ProtocolError

if TYPE_CHECKING:
    from typing_extensions import Self

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay.models.context import (
        Context,
        ContextFileEntry,
        ContextFileListResult,
        ContextListResult,
    )

__all__ = ("AsyncContextFileIterator", "AsyncContextIterator")


class AsyncContextIterator:
    """Iterates over contexts, fetching pages as they are needed.

    Args:
        agent_bay: The client.
        session_id: List only contexts of this session.
        limit: Contexts per page; default 10.
    """

    def __init__(
        self, agent_bay: AsyncAgentBay, session_id: str | None = None, limit: int | None = None
    ) -> None:
        self._agent_bay = agent_bay
        size = calls.DEFAULT_PAGE_SIZE if limit is None else limit
        self._next: ListContexts | None = ListContexts(max_results=size, session_id=session_id)
        self._items: deque[Context] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Context:
        """Return the next context.

        Raises:
            AgentBayError: a page could not be had.
        """
        while not self._items:
            if self._next is None:
                raise StopAsyncIteration
            page = await calls.list_page(self._agent_bay._rpc, self._next)
            page.raise_for_error()
            self._items.extend(page.contexts)
            token = _following(page, self._next.next_token)
            self._next = attrs.evolve(self._next, next_token=token) if token else None
        return self._items.popleft()

    async def close(self) -> None:
        """Stop: nothing more is returned or fetched. Closing again does nothing."""
        self._next = None
        self._items.clear()


class AsyncContextFileIterator:
    """Iterates over what a folder of a context holds, fetching pages as they are needed.

    Args:
        agent_bay: The client.
        context_id: The context.
        parent_folder_path: The folder; folders in it are listed, but not what they hold.
        limit: Entries per page; default 50.
    """

    def __init__(
        self,
        agent_bay: AsyncAgentBay,
        context_id: str,
        parent_folder_path: str,
        limit: int | None = None,
    ) -> None:
        self._agent_bay = agent_bay
        self._next: DescribeContextFiles | None = DescribeContextFiles(
            context_id=context_id,
            parent_folder_path=parent_folder_path,
            max_results=calls.DEFAULT_FILE_PAGE_SIZE if limit is None else limit,
        )
        self._items: deque[ContextFileEntry] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ContextFileEntry:
        """Return the next entry.

        Raises:
            AgentBayError: a page could not be had.
        """
        while not self._items:
            if self._next is None:
                raise StopAsyncIteration
            page = await calls.list_file_page(self._agent_bay._rpc, self._next)
            page.raise_for_error()
            self._items.extend(page.entries)
            token = _following(page, self._next.next_token)
            self._next = attrs.evolve(self._next, next_token=token) if token else None
        return self._items.popleft()

    async def close(self) -> None:
        """Stop: nothing more is returned or fetched. Closing again does nothing."""
        self._next = None
        self._items.clear()


def _following(page: ContextListResult | ContextFileListResult, token: str | None) -> str | None:
    """Return where the page after *page* starts, which was asked for with *token*."""
    if page.next_token and page.next_token == token:
        raise ProtocolError(
            "The service names the same page as the next again", request_id=page.request_id
        )
    return page.next_token
