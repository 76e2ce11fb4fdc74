"""The embedded local runtime: sessions as sandboxes on this machine.

The names are resolved on first use, so that importing a part of this package does not import
the HTTP server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentbay.local.failures import LocalRuntimeError
    from agentbay.local.runtime import LocalRuntime
    from agentbay.local.sandbox.base import Limits

__all__ = ("Limits", "LocalRuntime", "LocalRuntimeError")

_MODULES = {
    "Limits": "agentbay.local.sandbox.base",
    "LocalRuntime": "agentbay.local.runtime",
    "LocalRuntimeError": "agentbay.local.failures",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
