"""Cleaning up: what keeps resources from leaking when calls are cut short."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from agentbay._transport.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

__all__ = ("finish", "finish_or_undo", "is_loop_running")

logger = logging.getLogger("agentbay")

T = TypeVar("T")


def is_loop_running() -> bool:
    """Return whether this is called on an event loop, so that something can be awaited."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def finish(
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    grace: float,
    on_cancel: Callable[[], object] | None = None,
) -> T:
    """Do *work*, and wait for its end even when cancelled; only then the cancellation goes on.

    A shielded cancel scope keeps off other cancel scopes, but not ``Task.cancel()``, with which
    ``asyncio.timeout``, ``asyncio.TaskGroup`` and ``asyncio.run`` cancel. So the work is done by
    a task of its own, which no cancellation of the caller reaches, however many there are.

    Args:
        work: What is done.
        grace: Seconds that it gets from the first cancellation on; then it is cancelled as well.
        on_cancel: Called at that first cancellation, so that the work may end sooner.
    """
    task = asyncio.get_running_loop().create_task(work())
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        if on_cancel is not None:
            on_cancel()
        await _see_out(task, Deadline.after(grace))
        raise
    return task.result()


async def _see_out(task: asyncio.Task[Any], deadline: Deadline) -> None:
    with anyio.CancelScope(shield=True):  # a cancelled scope would wake this up all the time
        while not task.done():
            left = deadline.remaining()
            if left == 0:
                task.cancel()
            with suppress(asyncio.CancelledError):  # one more; the first goes on at the end
                await asyncio.wait([task], timeout=left or None)
    if task.cancelled():
        logger.warning("Something was given up unfinished %g s after", deadline.seconds)
    elif error := task.exception():
        logger.info("What a cancelled call had begun failed: %s", error)


async def finish_or_undo(
    work: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]], *, grace: float
) -> T:
    """Return what *work* makes; when cancelled meanwhile, undo it instead of losing it.

    A request that has left cannot be called back: what it creates exists, whether or not
    anybody waits for the answer. So a cancelled caller waits up to *grace* seconds for the
    answer, has *undo* take back what it brought, and only then lets the cancellation go on.
    """
    made: list[T] = []

    async def make() -> None:
        made.append(await work())

    async def take_back() -> None:
        await undo(made[0])

    try:
        await finish(make, grace=grace)
    except asyncio.CancelledError:
        if made:
            await finish(take_back, grace=grace)
        raise
    return made[0]
