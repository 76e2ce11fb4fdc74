"""The states of a session and the reasons for its end."""

from __future__ import annotations

from enum import Enum

__all__ = ("ENDED", "PAUSED_STATES", "EndReason", "State")


class State(Enum):
    """The states that clients see, in the spelling of the wire."""

    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    RESUMING = "RESUMING"
    DELETING = "DELETING"
    FINISH = "FINISH"


ENDED = State.FINISH
"""The last state; only a record is left."""


PAUSED_STATES = frozenset({State.PAUSING, State.PAUSED})
"""Those that a resume leads out of."""


class EndReason(Enum):
    """Why a session ended, as told by ``GetSessionDetail``."""

    DELETED = "Deleted"
    UNDELIVERED = "CreatorDisconnected"
    """The client was gone before it could be told about its session."""
    IDLE = "IdleTimeout"
    MAX_RUNTIME = "MaxRuntimeReached"
    SANDBOX_DIED = "SandboxDied"
    """Its processes ended by themselves: killed, or out of memory."""
    RUNTIME_STOPPED = "RuntimeStopped"
    RUNTIME_LOST = "RuntimeLost"
    """The runtime was killed; found out when the next one opened its data directory."""
