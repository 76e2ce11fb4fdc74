"""Warnings of deprecated members, at the line that uses them."""

from __future__ import annotations

import sys
import warnings


def warn_deprecated(name: str) -> None:
    """Warn of the deprecated method *name* at the caller's line, on either surface."""
    _warn(
        f"{name}() is deprecated and will be removed in a future version. "
        "This method is for internal SDK use only."
    )


def warn_renamed(old: str, new: str) -> None:
    """Warn at the caller's line that *old* has become *new*."""
    _warn(f"{old} is deprecated and will be removed in a future version. Use {new} instead.")


def _warn(message: str) -> None:
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] == "agentbay":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DeprecationWarning, stacklevel=level)
