"""An event loop for a thread that has none, to make calls from time to time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from typing_extensions import Self

__all__ = ("PrivateLoop",)

T = TypeVar("T")


class PrivateLoop:
    """Runs coroutines in the current thread, one after the other; a context manager.

    Between two of them no loop is running, so code that must not block one can go on. Connections
    are kept from one to the next, and closed at the end.
    """

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._loop.run_until_complete(self._end_tasks())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    @staticmethod
    async def _end_tasks() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* to its end."""
        return self._loop.run_until_complete(coroutine)
