"""Results that are or hold live handles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay.models.things import Result

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ("AsyncBox", "AsyncItem")


class AsyncBox:
    """Holds items."""

    @property
    def first(self) -> AsyncItem:
        """The first item."""
        return AsyncItem(self)

    @property
    def last(self) -> AsyncItem | None:
        return None

    @property
    def items(self) -> list[AsyncItem]:
        return []

    async def get(self, name: str) -> AsyncItem:
        return AsyncItem(self)

    async def find(self, name: str) -> AsyncItem | None:
        return None

    async def list(self) -> list[AsyncItem]:
        return []

    async def create(self, name: str) -> Result[AsyncItem]:
        return Result(True, AsyncItem(self))

    def item(self, name: str) -> AsyncItem:
        return AsyncItem(self)

    async def opened(self) -> Self:
        return self


class AsyncItem:
    """One item."""

    def __init__(self, box: AsyncBox) -> None:
        self._box = box

    @property
    def box(self) -> AsyncBox:
        return self._box
