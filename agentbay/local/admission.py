"""Which new sessions are let in: no more than the machine carries, and a few at a time."""

from __future__ import annotations

import contextlib
import os
import resource
from typing import TYPE_CHECKING

from agentbay._wire.envelope import Code, service_error
from agentbay.local.sandbox.cgroups import memory_limit, own_place
from agentbay.local.sandbox.usage import machine_memory
from agentbay.local.states import State
from agentbay.local.turns import QueueFullError, Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator

    from agentbay.errors import ServiceError
    from agentbay.local.session import Session

__all__ = ("Admission", "default_max_sessions", "throttled")

_MIB = 1024 * 1024
# An idle session holds about 7 MiB, and 8 descriptors of the runtime; there are commands and
# links, too. benchmarks/local_sessions.py measures both.
_BYTES_OF_SESSION = 32 * _MIB
_DESCRIPTORS_OF_SESSION = 12
_OTHER_DESCRIPTORS = 256
# More at once would only make each start slower, until the last ones are given up.
_STARTS_AT_ONCE = 4 * (os.cpu_count() or 1)
_STARTS_WAITING = 512
_RETRY_SECONDS = 5.0
"""When a session might have ended, for all we know."""
_ENDING_SECONDS = 1.0
"""The same when one is ending already."""


def default_max_sessions() -> int:
    """Return how many sessions this machine carries: three quarters of what it has at most."""
    memory = min(machine_memory(), memory_limit(*own_place()) or machine_memory())
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    by_memory = memory * 3 // 4 // _BYTES_OF_SESSION
    if descriptors == resource.RLIM_INFINITY:
        return max(by_memory, 1)
    return max(min(by_memory, (descriptors - _OTHER_DESCRIPTORS) // _DESCRIPTORS_OF_SESSION), 1)


def throttled(message: str, retry_after: float) -> ServiceError:
    """Return the service's error for what may succeed some seconds later."""
    return service_error(Code.THROTTLED, message, http_status=429, retry_after=retry_after)


class Admission:
    """Lets in sessions up to a maximum, and starts them in the order in which they came."""

    def __init__(self, max_sessions: int | None) -> None:
        self.max_sessions = default_max_sessions() if max_sessions is None else max_sessions
        self._starts = Turns(_STARTS_AT_ONCE, _STARTS_WAITING)
        self._coming = 0

    @contextlib.contextmanager
    def admitted(self, live: Collection[Session]) -> Iterator[None]:
        """Count a session as coming, until it is one of those that are *live*.

        Raises:
            ServiceError: There are too many already.
        """
        if len(live) + self._coming >= self.max_sessions:
            ending = any(session.state is State.DELETING for session in live)
            raise throttled(
                f"The local runtime is at its limit of sessions, {self.max_sessions}. Delete some, "
                "wait until others end, or start it with a higher --max-sessions "
                "(max_sessions=...)",
                _ENDING_SECONDS if ending else _RETRY_SECONDS,
            )
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    @contextlib.asynccontextmanager
    async def start(self) -> AsyncIterator[None]:
        """Wait for a turn to start a sandbox that somebody asked for, and hold it.

        Raises:
            ServiceError: Too many wait already.
        """
        try:
            async with self._starts.turn():
                yield
        except QueueFullError as exc:
            raise throttled(
                f"{self._starts.waiting} sessions wait for their start, which is the limit of the "
                f"local runtime. Try again in {exc.retry_after:.0f} s",
                exc.retry_after,
            ) from exc

    def start_in_spare_time(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Wait until nobody waits for a sandbox, and hold a turn to start one."""
        return self._starts.turn(spare_time=True)
