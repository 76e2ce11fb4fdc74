"""Waiting for what another task, loop or process does."""

from __future__ import annotations

from collections.abc import Callable

import anyio

LONGEST = 20.0


async def until(condition: Callable[[], object]) -> None:
    """Return as soon as *condition* holds; fail when it never does."""
    with anyio.fail_after(LONGEST):
        while not condition():  # noqa: ASYNC110 - no event tells
            await anyio.sleep(0.02)
