"""Owned background tasks and counted activities: whatever is begun here has an end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

__all__ = ("BackgroundTasks", "InFlight")

logger = logging.getLogger(__name__)


class BackgroundTasks:
    """Tasks that outlive the call that started them, but not their owner."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run *coroutine* in a task; its failure is logged."""
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("Task %s failed", task.get_name(), exc_info=error)

    async def wait(self, deadline: float) -> bool:
        """Wait at most *deadline* seconds until there is no task; return whether that is so."""
        with anyio.move_on_after(deadline):
            while self._tasks:
                await asyncio.wait(self._tasks)
        return not self._tasks

    async def cancel(self, deadline: float) -> None:
        """Cancel all tasks and wait at most *deadline* seconds for their clean-up."""
        for task in self._tasks:
            task.cancel()
        if not await self.wait(deadline):
            names = ", ".join(sorted(task.get_name() for task in self._tasks))
            logger.error("Tasks did not end within %g s: %s", deadline, names)


class InFlight:
    """Counts activities as a context manager, and tells when there is none."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> None:
        self._count += 1
        self._idle.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._count -= 1
        if not self._count:
            self._idle.set()

    async def wait_idle(self) -> None:
        """Return once nothing is in flight."""
        await self._idle.wait()
