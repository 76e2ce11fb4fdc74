"""Sandboxes that are started before anybody asks for them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from agentbay.local.sandbox.base import SandboxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentbay.local.sandbox.base import Sandbox
    from agentbay.local.tasks import BackgroundTasks

__all__ = ("WarmPool",)

logger = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 60.0


class WarmPool:
    """Keeps *size* sandboxes ready; what is taken or dies is replaced in the background."""

    def __init__(
        self, size: int, start: Callable[[], Awaitable[Sandbox]], tasks: BackgroundTasks
    ) -> None:
        self._size = size
        self._start = start
        self._tasks = tasks
        self._ready: deque[Sandbox] = deque()
        self._missing = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._ready)

    async def fill(self) -> None:
        """Start what is missing, and begin to keep it so.

        Raises:
            SandboxError: A sandbox cannot be started.
        """
        while len(self._ready) < self._size:
            self._add(await self._start())
        if self._size:
            self._keeper = self._tasks.spawn(self._keep(), "warm-pool")

    def take(self) -> Sandbox | None:
        """Hand one over, if there is one."""
        for sandbox in self._ready:
            if sandbox.alive:
                self._ready.remove(sandbox)
                self._missing.set()
                return sandbox
        return None

    async def close(self) -> None:
        """End the sandboxes that nobody took. Nothing may be taken any more."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        while self._ready:
            await self._ready.popleft().close()

    def _add(self, sandbox: Sandbox) -> None:
        self._ready.append(sandbox)
        self._tasks.spawn(self._watch(sandbox), f"warm {sandbox.spec.id}")

    async def _watch(self, sandbox: Sandbox) -> None:
        """Remove a sandbox that died before it was taken."""
        await sandbox.wait_dead()
        if sandbox in self._ready:
            logger.warning("Warm sandbox %s ended by itself", sandbox.spec.id)
            self._ready.remove(sandbox)
            self._missing.set()
            await sandbox.close()

    async def _keep(self) -> None:
        delay = _FIRST_RETRY_SECONDS
        while True:
            if len(self._ready) >= self._size:
                await self._missing.wait()
            self._missing.clear()
            try:
                while len(self._ready) < self._size:
                    self._add(await self._start())
                delay = _FIRST_RETRY_SECONDS
            except SandboxError as exc:
                logger.warning("No warm sandbox; trying again in %g s: %s", delay, exc)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_SECONDS)
