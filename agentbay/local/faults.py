"""Faults on purpose, as the runtime sees them: something put around every request.

What is injected, and when, is decided elsewhere (:mod:`agentbay.testing.faults`); the runtime
lends what only it can do.
"""

from __future__ import annotations

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

    from agentbay.local.sandbox.base import Sandbox

__all__ = ("DISK_BYTES", "Faults", "Injector", "Kill", "kill_sandbox")

Kill = Callable[[str], Awaitable[None]]
"""Kills the sandbox of the session with that id, and returns when it is dead."""

DISK_BYTES: ContextVar[int | None] = ContextVar("agentbay.disk_bytes", default=None)
"""While a request is handled that makes a session: how much that session can write."""

_DEATH_SECONDS = 10.0


class Injector(ABC):
    """Injects faults into the requests of one server while that runs."""

    @abstractmethod
    def middleware(self, port_of: str = "") -> Middleware:
        """Return what to put around the requests of one application.

        Args:
            port_of: The session, when the application is the link to one of its ports.
        """

    @abstractmethod
    def close(self) -> None:
        """End what waits for nothing but the end, such as half-open connections."""


class Faults(ABC):
    """What is to be injected."""

    @abstractmethod
    def for_runtime(self, kill: Kill) -> Injector:
        """Return what injects it into a runtime.

        Args:
            kill: Kills a session's sandbox.

        Raises:
            ConfigurationError: Some of it cannot be done to a runtime.
        """


async def kill_sandbox(sandbox: Sandbox) -> None:
    """Kill *sandbox* from outside, as the kernel or a stranger would, and see it dead."""
    if sandbox.alive:
        os.kill(sandbox.pid, signal.SIGKILL)
        with anyio.fail_after(_DEATH_SECONDS):
            await sandbox.wait_dead()
