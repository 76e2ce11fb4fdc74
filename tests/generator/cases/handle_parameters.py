"""Handles as parameters."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("AsyncNode",)


class AsyncNode:
    """One node of a graph."""

    async def connect(self, other: AsyncNode, *, via: AsyncNode | None = None) -> None:
        raise NotImplementedError

    async def connect_all(self, others: list[AsyncNode], through: Iterable[AsyncNode]) -> int:
        raise NotImplementedError

    def is_next_to(self, other: AsyncNode) -> bool:
        raise NotImplementedError
