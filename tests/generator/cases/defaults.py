"""Defaults are copied as they are written."""

from __future__ import annotations

import math
from typing import TypeVar

from agentbay.models.things import Mode

__all__ = ("AsyncTimer",)

T = TypeVar("T")
_UNSET = object()


class AsyncTimer:
    """Counts."""

    async def wait(
        self, seconds: float = 1_0.50, mask: int = 0xFF, name: str = 'ä"b', limit: float = math.inf
    ) -> None:
        raise NotImplementedError

    async def start(self, mode: Mode = Mode.FAST, after: object = _UNSET) -> None:
        raise NotImplementedError

    async def echo(self, value: T) -> T:
        return value
