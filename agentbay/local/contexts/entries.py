"""What the database of contexts holds: contexts, and objects in them."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

__all__ = ("Child", "ContextPage", "ContextRecord", "Kind", "Object")


class Kind(Enum):
    """What an object is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    ARCHIVE = "archive"
    """A directory packed into one file; its name is the target."""


@frozen
class ContextRecord:
    """A context."""

    id: str
    name: str
    type: str
    created_at: float
    used_at: float
    version: int


@frozen(kw_only=True)
class Object:
    """One object of a context.

    Attributes:
        pack: The pack that holds its content; empty when there is none.
        start: Where in the pack that begins.
    """

    key: bytes
    kind: Kind
    mode: int = 0o644
    mtime_ns: int = 0
    size: int = 0
    target: bytes = b""
    pack: str = ""
    start: int = 0
    stored_at: float = 0.0

    def row(self) -> tuple[bytes, str, int, int, int, bytes, str, int, float]:
        """Return its columns."""
        return (
            self.key,
            self.kind.value,
            self.mode,
            self.mtime_ns,
            self.size,
            self.target,
            self.pack,
            self.start,
            self.stored_at,
        )


@frozen
class ContextPage:
    """Some contexts, newest first.

    Attributes:
        next_before: Where the next page begins; ``None`` on the last one.
        total: How many there are in all.
    """

    records: tuple[ContextRecord, ...]
    next_before: int | None
    total: int


@frozen
class Child:
    """Something directly below a folder: an object, or a folder that others are in."""

    key: bytes
    object: Object | None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.object is None or self.object.kind is Kind.DIRECTORY
