"""Coroutines that the blocking surface has as well."""

from __future__ import annotations

from agentbay._async._markers import awaitable_twin

__all__ = ("AsyncSession",)


class AsyncSession:
    """A session."""

    async def pause(self, timeout: int = 600) -> bool:
        """Pause it."""
        return True

    @awaitable_twin
    async def pause_async(self, timeout: int = 600) -> bool:
        """Pause it, from any event loop."""
        return await self.pause(timeout)

    @awaitable_twin
    async def twin_async(self) -> AsyncSession:
        return self
