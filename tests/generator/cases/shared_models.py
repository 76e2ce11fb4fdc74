"""Models that both surfaces share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from agentbay.models.things import Labels, Result

__all__ = ("AsyncLabelled",)


class AsyncLabelled:
    """Has labels."""

    async def set_labels(
        self, labels: Mapping[str, str], mode: Literal["a", "w"] = "w"
    ) -> Result[None]:
        raise NotImplementedError

    async def labels(self, names: Sequence[str] | None = None) -> list[Labels]:
        raise NotImplementedError

    async def raw(self) -> dict[str, Any]:
        raise NotImplementedError

    async def copies(self, count: int) -> list[Result[AsyncLabelled]]:
        raise NotImplementedError
