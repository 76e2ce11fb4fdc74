"""Iterators."""

from __future__ import annotations

__all__ = ("AsyncLines", "AsyncLog")


class AsyncLog:
    """Something to read."""

    def lines(self) -> AsyncLines:
        return AsyncLines()


class AsyncLines:
    """Yields lines until there is none."""

    def __aiter__(self) -> AsyncLines:
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration

    async def close(self) -> None:
        """Stop reading."""
