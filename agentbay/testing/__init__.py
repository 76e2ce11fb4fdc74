"""Tools for testing programs that use this package, and the package itself.

Names are resolved on first use: pytest imports this package for its plugin in every project
where it is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # What type checkers see; at run time the table below says where each name lives.
    from agentbay.testing.answers import Answer as Answer
    from agentbay.testing.answers import Data as Data
    from agentbay.testing.answers import Frames as Frames
    from agentbay.testing.answers import Raw as Raw
    from agentbay.testing.answers import Refusal as Refusal
    from agentbay.testing.answers import Text as Text
    from agentbay.testing.bench import ServiceUnderTest as ServiceUnderTest
    from agentbay.testing.capacity import Capacity as Capacity
    from agentbay.testing.faults import Cut as Cut
    from agentbay.testing.faults import Delay as Delay
    from agentbay.testing.faults import DiskFull as DiskFull
    from agentbay.testing.faults import ExpiredToken as ExpiredToken
    from agentbay.testing.faults import Fault as Fault
    from agentbay.testing.faults import FaultPlan as FaultPlan
    from agentbay.testing.faults import FaultProxy as FaultProxy
    from agentbay.testing.faults import FaultRule as FaultRule
    from agentbay.testing.faults import Garbage as Garbage
    from agentbay.testing.faults import HalfOpen as HalfOpen
    from agentbay.testing.faults import Refused as Refused
    from agentbay.testing.faults import Reset as Reset
    from agentbay.testing.faults import SandboxKilled as SandboxKilled
    from agentbay.testing.faults import ServerError as ServerError
    from agentbay.testing.faults import Slow as Slow
    from agentbay.testing.faults import StorageFull as StorageFull
    from agentbay.testing.faults import Throttled as Throttled
    from agentbay.testing.faults import Truncated as Truncated
    from agentbay.testing.recorded import Recorded as Recorded
    from agentbay.testing.recorded import Route as Route
    from agentbay.testing.recording import RecordingServer as RecordingServer
    from agentbay.testing.sessions import ServedSession as ServedSession

_HOMES = {
    "agentbay.testing.answers": "Answer Data Frames Raw Refusal Text",
    "agentbay.testing.bench": "ServiceUnderTest",
    "agentbay.testing.capacity": "Capacity",
    "agentbay.testing.faults": (
        "Cut Delay DiskFull ExpiredToken Fault FaultPlan FaultProxy FaultRule Garbage HalfOpen "
        "Refused Reset SandboxKilled ServerError Slow StorageFull Throttled Truncated"
    ),
    "agentbay.testing.recorded": "Recorded Route",
    "agentbay.testing.recording": "RecordingServer",
    "agentbay.testing.sessions": "ServedSession",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = tuple(sorted(_HOME_OF))


if not TYPE_CHECKING:  # a type checker would take any misspelt name for Any

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
