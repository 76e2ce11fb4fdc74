"""Variables of the session, which everything started in it gets to see."""

from __future__ import annotations

from .failures import CallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .calls import Call, Settings


def set_env(call: Call, settings: Settings) -> dict[str, Any]:
    """Set ``variables``, on top of those that are set."""
    variables = call.text_map("variables")
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise CallError(
                "invalid_argument",
                f"Failed to set environment variable {name!r}: a name is not empty and has no "
                "'=', and neither name nor value has a null character",
            )
    settings.set_variables(variables)
    return {}


def get_env(call: Call, settings: Settings) -> dict[str, Any]:
    """Return the variables that commands get to see: those named in ``names``, or all."""
    found = settings.environment()
    names = call.params.get("names") or list(found)
    return {"variables": {name: found[name] for name in names if name in found}}
