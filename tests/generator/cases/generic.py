"""Generic classes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

__all__ = ("AsyncFleet", "AsyncOutcomes")

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


class AsyncFleet:
    """Works on many items."""

    def map(
        self, work: Callable[[AsyncFleet, ItemT], Awaitable[ValueT]], items: Iterable[ItemT]
    ) -> AsyncOutcomes[ItemT, ValueT]:
        return AsyncOutcomes()


class AsyncOutcomes(Generic[ItemT, ValueT]):
    """Yields what came out."""

    def __aiter__(self) -> AsyncOutcomes[ItemT, ValueT]:
        return self

    async def __anext__(self) -> tuple[ItemT, ValueT]:
        raise StopAsyncIteration
