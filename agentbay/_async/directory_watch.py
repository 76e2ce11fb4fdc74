"""Changes of a directory, one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from agentbay._async._change_feed import ChangeFeed

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from agentbay._async.session import AsyncSession
    from agentbay.models.filesystem import FileChangeEvent

__all__ = ("AsyncDirectoryWatch",)


class AsyncDirectoryWatch:
    """Iterates over the changes of a directory and all that is below it.

    A new file is a ``create`` and a ``modify``, a renamed one a ``delete`` and a ``create``. Each
    change is told once: of two that watch the same directory of a session, one gets it.

    Args:
        session: The session.
        path: The directory.
        interval: Seconds between two looks, where changes are not pushed.
    """

    def __init__(self, session: AsyncSession, path: str, *, interval: float = 0.5) -> None:
        self._feed = ChangeFeed(session, path)
        self._interval = interval
        self._events: deque[FileChangeEvent] = deque()
        self._scope: anyio.CancelScope | None = None
        self._started = False
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching."""
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FileChangeEvent:
        """Wait for the next change.

        Raises:
            AgentBayError: changes cannot be asked for any more, or the last answer got lost.
        """
        if not self._closed and not self._events:
            with anyio.CancelScope() as self._scope:
                await self._wait()
        if self._closed:
            raise StopAsyncIteration
        return self._events.popleft()

    async def close(self) -> None:
        """Stop watching; who waits for a change waits no longer. Idempotent."""
        self._closed = True
        self._events.clear()
        if self._scope is not None:
            self._scope.cancel()
        await self._feed.close()

    async def _start(self) -> None:
        (await self._feed.start()).raise_for_error()
        self._started = True

    async def _wait(self) -> None:
        if not self._started:
            await self._start()
        while not self._events:
            if self._feed.is_pushed():
                result = await self._feed.wait()
            else:
                result = await self._feed.ask()
                if not result.events:
                    result.raise_for_error()
                    await anyio.sleep(0 if self._feed.is_pushed() else self._interval)
            self._events.extend(result.events)
