"""What can go wrong with the runtime itself, as opposed to one request to it."""

from __future__ import annotations

from agentbay.errors import AgentBayError

__all__ = ("LocalRuntimeError",)


class LocalRuntimeError(AgentBayError):
    """The local runtime cannot be started, or not as configured."""

    default_message = "The local runtime cannot be started"
