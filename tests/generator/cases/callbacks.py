"""Callbacks, which may block on the blocking surface."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agentbay.models.things import Chunk

__all__ = ("AsyncStream",)


class AsyncStream:
    """Calls back."""

    async def watch(self, on_chunk: Callable[[Chunk], Awaitable[None]]) -> None:
        raise NotImplementedError

    async def ask(
        self,
        question: str,
        *,
        on_text: Callable[[str, int], Awaitable[None] | None] | None = None,
        answer: Callable[[], str | Awaitable[str]] | None = None,
    ) -> str:
        raise NotImplementedError

    async def each(
        self,
        visit: Callable[[AsyncStream, int], Awaitable[bool]],
        skip: Callable[[AsyncStream | None], Awaitable[bool]] | None = None,
    ) -> bool:
        raise NotImplementedError
