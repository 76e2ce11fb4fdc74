"""Members that are no coroutines, and class methods."""

from __future__ import annotations

from pathlib import PurePosixPath

__all__ = ("AsyncPlace",)


class AsyncPlace:
    """Somewhere."""

    @property
    def path(self) -> PurePosixPath:
        """Where it is."""
        return PurePosixPath("/")

    def joined(self, name: str) -> PurePosixPath:
        return self.path / name

    @classmethod
    def separator(cls) -> str:
        return "/"

    @classmethod
    async def find(cls, name: str) -> AsyncPlace | None:
        return None

    def __repr__(self) -> str:
        return "place"
