"""Tasks that go on after the call that started them has returned."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ("Background",)


class Background:
    """The background tasks of one client, which ends them when it is closed.

    Those of a client that is never closed end with their event loop.
    """

    def __init__(self) -> None:
        # The loop itself holds tasks weakly only.
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work*, which must handle its errors, on the running loop."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel the tasks of the running loop and wait until they have ended."""
        loop = asyncio.get_running_loop()
        own = [task for task in self._tasks if task.get_loop() is loop]
        if not own:
            return
        # One that is cancelled before it has begun would never know of it.
        await asyncio.sleep(0)
        for task in own:
            task.cancel()
        await asyncio.wait(own)
