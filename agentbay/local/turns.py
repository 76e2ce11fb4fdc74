"""Turns at something of which only so much can go on at once: a bounded, orderly queue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ("QueueFullError", "Turns")

_FIRST_GUESS_SECONDS = 0.25
_WEIGHT_OF_LATEST = 0.1
_LEAST_SECONDS = 1.0
_MOST_SECONDS = 60.0


class QueueFullError(Exception):
    """Too many wait already; `retry_after` is when that has probably changed, in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"The queue is full for about {retry_after:.0f} s")
        self.retry_after = retry_after


class Turns:
    """Lets *at_once* callers go on at once and *waiting* more wait, first come, first served.

    Whoever is cancelled while it waits leaves the queue.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once = at_once
        self._most_waiting = waiting
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._spare_time: deque[asyncio.Future[None]] = deque()
        self._mean = _FIRST_GUESS_SECONDS

    @property
    def busy(self) -> int:
        """How many have their turn."""
        return self._busy

    @property
    def waiting(self) -> int:
        """How many wait for theirs."""
        return len(self._waiting)

    @property
    def retry_after(self) -> float:
        """Seconds until all who wait now have probably had their turn."""
        rounds = (len(self._waiting) + 1) / self._at_once
        return min(max(rounds * self._mean, _LEAST_SECONDS), _MOST_SECONDS)

    @contextlib.asynccontextmanager
    async def turn(self, *, spare_time: bool = False) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Args:
            spare_time: Go on when nobody else waits only; the number of those who do is not
                bounded here.

        Raises:
            QueueFullError: Too many wait already.
        """
        if self._busy < self._at_once:
            self._busy += 1
        elif spare_time:
            await self._wait_in(self._spare_time)
        elif len(self._waiting) >= self._most_waiting:
            raise QueueFullError(self.retry_after)
        else:
            await self._wait_in(self._waiting)
        started = time.monotonic()
        try:
            yield
        finally:
            self._mean += _WEIGHT_OF_LATEST * (time.monotonic() - started - self._mean)
            self._pass_on()

    async def _wait_in(self, queue: deque[asyncio.Future[None]]) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self._pass_on()  # it had its turn already, and does not want it any more
            with contextlib.suppress(ValueError):  # passed over meanwhile
                queue.remove(place)
            raise

    def _pass_on(self) -> None:
        """Give the turn to whoever is next, even before that one runs: nobody gets in between."""
        for queue in (self._waiting, self._spare_time):
            while queue:
                place = queue.popleft()
                if not place.done():
                    place.set_result(None)
                    return
        self._busy -= 1
