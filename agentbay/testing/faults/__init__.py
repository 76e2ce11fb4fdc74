"""Services that misbehave: faults by rule or by seed, in a runtime, a server, or in between.

A :class:`FaultPlan` says what goes wrong when. It is given to a local runtime, to a recording
server, or to a :class:`FaultProxy` in front of any service.
"""

from __future__ import annotations

from agentbay.testing.faults.kinds import (
    Cut,
    Delay,
    DiskFull,
    ExpiredToken,
    Fault,
    Garbage,
    HalfOpen,
    Refused,
    Reset,
    SandboxKilled,
    ServerError,
    Slow,
    StorageFull,
    Throttled,
    Truncated,
)
from agentbay.testing.faults.plan import FaultPlan
from agentbay.testing.faults.proxy import FaultProxy
from agentbay.testing.faults.rules import FaultRule

__all__ = (
    "Cut",
    "Delay",
    "DiskFull",
    "ExpiredToken",
    "Fault",
    "FaultPlan",
    "FaultProxy",
    "FaultRule",
    "Garbage",
    "HalfOpen",
    "Refused",
    "Reset",
    "SandboxKilled",
    "ServerError",
    "Slow",
    "StorageFull",
    "Throttled",
    "Truncated",
)
