"""Contexts that are mounted into a session, instead of being copied."""

from __future__ import annotations

from enum import Enum

from attrs import define

__all__ = ("BetaContextMount", "BetaContextMountAccessMode", "BetaContextMountStrategy")


class BetaContextMountAccessMode(Enum):
    """What a session may do with a mounted context."""

    READ_WRITE = "readWrite"
    READ_ONLY = "readOnly"


class BetaContextMountStrategy(Enum):
    """The kind of storage behind a mounted context."""

    STANDARD = "standard"
    PERFORMANCE = "performance"


@define
class BetaContextMount:
    """A context mounted into a directory of the session; writes go through at once.

    Only the image ``aio-ubuntu-2404`` supports it.

    Args:
        context_id: The context.
        path: The directory in the session.
        access_mode: What the session may do.
        strategy: The kind of storage.
        source_path: Directory of the context to mount; empty for all of it.
    """

    context_id: str
    path: str
    access_mode: BetaContextMountAccessMode = BetaContextMountAccessMode.READ_WRITE
    strategy: BetaContextMountStrategy = BetaContextMountStrategy.STANDARD
    source_path: str = ""

    @classmethod
    def new(
        cls,
        context_id: str,
        path: str,
        access_mode: BetaContextMountAccessMode | None = None,
        strategy: BetaContextMountStrategy | None = None,
        source_path: str | None = None,
    ) -> BetaContextMount:
        """Return a new mount; ``None`` stands for the default."""
        return cls(
            context_id,
            path,
            access_mode or BetaContextMountAccessMode.READ_WRITE,
            strategy or BetaContextMountStrategy.STANDARD,
            source_path or "",
        )

    def with_access_mode(self, mode: BetaContextMountAccessMode) -> BetaContextMount:
        """Set the access mode, and return this object."""
        self.access_mode = mode
        return self

    def with_strategy(self, strategy: BetaContextMountStrategy) -> BetaContextMount:
        """Set the kind of storage, and return this object."""
        self.strategy = strategy
        return self

    def with_source_path(self, source_path: str) -> BetaContextMount:
        """Set the directory of the context, and return this object."""
        self.source_path = source_path
        return self
