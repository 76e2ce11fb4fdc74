"""Waiting until something is so."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ("poll", "poll_times", "quick_pauses")

T = TypeVar("T")

FIRST_PAUSE = 0.02
"""Seconds between the first two checks of :func:`poll`, and its shortest interval."""


async def poll(
    check: Callable[[], Awaitable[T | None]],
    *,
    timeout: float,
    interval: float,
) -> T | None:
    """Call *check* until it returns something; return that, or ``None`` after *timeout* seconds.

    The first check is immediate, also without any time. The pauses double up to *interval*
    seconds: the embedded runtime needs milliseconds, a cloud seconds. A check that hangs is given
    up at the latest one interval after the deadline.
    """
    longest = max(FIRST_PAUSE, interval)  # also when it is not a number
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE
    while True:
        left = deadline - time.monotonic()
        with anyio.move_on_after(max(left, 0) + longest):
            found = await check()
            if found is not None:
                return found
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        await anyio.sleep(min(pause, left))
        pause = min(pause * 2, longest)


def quick_pauses(interval: float) -> list[float]:
    """Return the short pauses, each twice the one before, that come before those of *interval*.

    The embedded runtime needs milliseconds for what takes a cloud seconds.
    """
    doubling = (FIRST_PAUSE * 2**number for number in range(10))
    return [pause for pause in doubling if pause < interval]


async def poll_times(
    check: Callable[[], Awaitable[T | None]],
    *,
    times: int,
    interval: float,
    growth: float = 1.0,
    longest: float = math.inf,
) -> T | None:
    """Call *check* until it returns something, *times* times at most; return that, or ``None``.

    The first check is immediate. The :func:`quick_pauses` come before the pauses of *interval*
    seconds, each of which is *growth* times the one before, up to *longest* seconds.
    """
    quick = quick_pauses(interval)
    usual = max(FIRST_PAUSE, interval)
    for number in range(times):
        found = await check()
        if found is not None or number == times - 1:
            return found
        if number < len(quick):
            await anyio.sleep(quick[number])
        else:
            await anyio.sleep(usual)
            usual = min(usual * growth, max(usual, longest))
    return None
