"""Iterables, whose items a blocking caller may make while it is asked for them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import TypeVar

__all__ = ("AsyncFeed",)

ItemT = TypeVar("ItemT")


class AsyncFeed:
    """Takes items."""

    async def put(self, items: Iterable[ItemT] | AsyncIterable[ItemT]) -> int:
        raise NotImplementedError

    async def put_names(self, items: Iterable[str]) -> int:
        raise NotImplementedError
