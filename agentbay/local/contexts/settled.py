"""Work that is not left half done when whoever waits for it is cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread

from agentbay.local.sandbox.process import join

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ("in_thread", "settled")

ResultT = TypeVar("ResultT")


async def settled(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return what *work* gives; a cancellation is raised only after its end."""
    task = asyncio.ensure_future(work)
    await join(task)
    return task.result()


async def in_thread(function: Callable[..., ResultT], *args: Any) -> ResultT:
    """Run a function that blocks; it never runs on while its files are cleaned up."""
    return await settled(anyio.to_thread.run_sync(function, *args))
