"""Any number of plain values, and what may come after them."""

from __future__ import annotations

__all__ = ("AsyncBag",)


class AsyncBag:
    """Holds."""

    async def put(self, *items: str) -> None:
        raise NotImplementedError

    async def move(self, target: int, *items: str | bytes, wait: bool = True) -> bool:
        return wait
