"""Log messages that are worth writing once, not for every request."""

from __future__ import annotations

__all__ = ("Once",)

_MAX_NAMES = 1000


class Once:
    """Remembers what was said already; bounded, because callers choose the names."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def first(self, name: str) -> bool:
        """Return whether *name* is new; never again once too many names were seen."""
        if name in self._seen or len(self._seen) >= _MAX_NAMES:
            return False
        self._seen.add(name)
        return True
