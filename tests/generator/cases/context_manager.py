"""Context managers."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ("AsyncClient", "AsyncScope")


class AsyncClient:
    """Is entered as itself."""

    def scope(self) -> AsyncScope:
        return AsyncScope(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""


class AsyncScope:
    """Is entered as something else."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def __aenter__(self) -> AsyncClient:
        return self._client

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return None
