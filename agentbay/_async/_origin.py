"""Where in the user's program something was made."""

from __future__ import annotations

import sys

__all__ = ("place_of_caller",)


def place_of_caller() -> str:
    """Return file and line of the nearest caller outside this package; no frame is kept."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] == "agentbay":
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
