"""Methods that are coroutines."""

from __future__ import annotations

__all__ = ("AsyncFiles",)


class AsyncFiles:
    """Reads and writes files."""

    async def read_text(self, path: str, *, timeout: float | None = None) -> str:
        """Return the decoded content of *path*.

        Raises:
            RemoteFileNotFoundError: nothing exists at *path*.
        """
        return await self._read(path, timeout)

    async def write_text(
        self, path: str, text: str, mode: str = "w", *, sync: bool = False
    ) -> None:
        await self._read(path, None)

    async def _read(self, path: str, timeout: float | None) -> str:
        return path
