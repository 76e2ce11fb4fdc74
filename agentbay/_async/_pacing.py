"""How many sessions are created at the same time: as many as the service bears.

What TCP does about a network of which it knows nothing: begin with some, double while all goes
well, halve when the service says "too many", and from then on try a little more each round.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections import deque
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agentbay.errors import RateLimitError

__all__ = ("Pacing", "Turn")

FIRST_LIMIT = 64
"""Creations at the same time to begin with; more would mostly be refused where there is a limit."""

PATIENCE = 300.0
"""Seconds for which the service may refuse every creation before one is given up."""

FIRST_HOLD, LONGEST_HOLD = 0.5, 30.0
"""Seconds without creations after a refusal that names no time, doubling up to the longest."""


class Turn:
    """One creation that may be made now.

    Attributes:
        began: When, on the clock of anyio.
    """

    def __init__(self) -> None:
        self.began = anyio.current_time()


class Pacing:
    """Admits creations in the order in which they were asked for.

    Args:
        most: Never admit more at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(most, FIRST_LIMIT))
        self._is_doubling = True
        self._running = 0
        self._waiting: deque[anyio.Event] = deque()
        self._hold_until = -math.inf
        self._hold_is_guess = False
        self._hold_ended: anyio.Event | None = None  # made on a loop
        self._last_cut = -math.inf
        self._cuts = 0  # since the last success
        self._last_refusal: RateLimitError | None = None
        self._last_success = -math.inf

    @property
    def limit(self) -> int:
        """How many creations may be made at the same time now."""
        return int(self._limit)

    @contextlib.asynccontextmanager
    async def turn(self, asked: float) -> AsyncIterator[Turn]:
        """Wait for a turn, and have it until the end of the block.

        Args:
            asked: Since when the session is wanted, on the clock of anyio.

        Raises:
            RateLimitError: no creation has succeeded, or would, for too long.
        """
        await self._wait_for_turn(asked)
        try:
            yield Turn()
        finally:
            self._running -= 1
            self._admit()

    async def _wait_for_turn(self, asked: float) -> None:
        admitted = anyio.Event()
        self._waiting.append(admitted)
        self._admit()
        try:
            await admitted.wait()
            while self._hold_until > anyio.current_time():  # it may be moved on meanwhile
                if self._last_refusal and self._hold_until - self._since(asked) > PATIENCE:
                    raise self._last_refusal
                assert self._hold_ended is not None  # noqa: S101 - made with each hold
                with anyio.CancelScope(deadline=self._hold_until):
                    await self._hold_ended.wait()
        except BaseException:
            if admitted.is_set():
                self._running -= 1
            else:
                self._waiting.remove(admitted)
            self._admit()
            raise

    def _since(self, asked: float) -> float:
        return max(asked, self._last_success)

    def _admit(self) -> None:
        while self._waiting and self._running < self.limit:
            self._running += 1
            self._waiting.popleft().set()

    def succeeded(self) -> None:
        """Take note that a session was created: try a little more."""
        self._last_success = anyio.current_time()
        self._cuts = 0
        # One more for each success doubles the limit in a round, and 1/limit adds one to it.
        self._limit += 1.0 if self._is_doubling else 1.0 / self._limit
        self._limit = min(self._limit, self._most)
        self._admit()

    def refused(self, turn: Turn, refusal: RateLimitError) -> None:
        """Take note that a creation was refused as one too many: try less, and later."""
        self._last_refusal = refusal
        self._is_doubling = False
        if refusal.retry_after is not None:
            self._hold(refusal.retry_after, is_guess=False)
        # Those that were under way at the last cut tell nothing of what it did.
        if turn.began <= self._last_cut:
            return
        self._limit = max(1.0, self._limit / 2)
        self._last_cut = anyio.current_time()
        self._cuts += 1
        if refusal.retry_after is None:
            longest = min(FIRST_HOLD * 2.0 ** (self._cuts - 1), LONGEST_HOLD)
            self._hold(random.uniform(longest / 2, longest), is_guess=True)  # noqa: S311 - no secret

    def _hold(self, seconds: float, *, is_guess: bool) -> None:
        until = anyio.current_time() + seconds
        if until > self._hold_until:
            self._hold_until, self._hold_is_guess = until, is_guess
        if self._hold_ended is None:
            self._hold_ended = anyio.Event()

    def made_room(self) -> None:
        """Take note that a session is gone: if there may only be so many, there is room now."""
        if self._hold_is_guess and self._hold_ended is not None:
            self._hold_until = -math.inf
            self._hold_ended.set()
            self._hold_ended = None
