"""Browser extensions kept in a context."""

from __future__ import annotations

from attrs import frozen

__all__ = ("Extension",)


@frozen
class Extension:
    """A browser extension.

    Attributes:
        id: Names it in an :class:`ExtensionOption`.
        name: The name of the file that it came from.
        created_at: When it was stored, as the service says it.
    """

    id: str
    name: str
    created_at: str | None = None
