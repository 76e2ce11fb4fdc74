"""What makes sense for coroutines only."""

from __future__ import annotations

import asyncio

from agentbay._async._markers import async_only

__all__ = ("AsyncJob",)


class AsyncJob:
    """A job."""

    @async_only("a blocking caller has no task")
    async def task(self) -> asyncio.Task[int]:
        raise NotImplementedError

    async def wait(self) -> int:
        return 0
