"""Background commands over a session's WebSocket; beyond the reference.

A stream of target `agentbay._wire.channel.SHELL_SERVER`, begun by method ``start``. The client
then sends ``input``, ``close_input``, ``signal`` and ``credit`` in the same exchange. Events are
``started`` (with ``pid``), ``output`` (with ``stream``) and ``credit``. The end says how the
command ended, and how many bytes of each stream there were: fewer that arrived are an error.

Both directions have a window. Output is sent as far as the client has given credit, and the
client sends input as far as the server has. A frame costs at least `LEAST_COST`, so that
many small ones do not pile up either.
"""

from __future__ import annotations

from attrs import field, frozen

from agentbay._wire.codec import WireObject

__all__ = (
    "INPUT_WINDOW",
    "OUTPUT_WINDOW",
    "CommandEnd",
    "ProcessMethod",
    "StartCommand",
    "cost",
)

OUTPUT_WINDOW = 512 * 1024
"""How much output a client takes before it gives credit."""
INPUT_WINDOW = 512 * 1024
"""How much input a server takes before it gives credit."""
LEAST_COST = 1024


class ProcessMethod:
    """The methods of the exchange, and its events."""

    START = "start"
    INPUT = "input"
    CLOSE_INPUT = "close_input"
    SIGNAL = "signal"
    CREDIT = "credit"
    STARTED = "started"
    OUTPUT = "output"


def cost(data: bytes) -> int:
    """Return what a frame with *data* takes of a window."""
    return max(len(data), LEAST_COST)


@frozen(kw_only=True)
class StartCommand(WireObject):
    """The parameters of ``start``."""

    pascal_case = False

    command: str
    cwd: str | None = None
    envs: dict[str, str] | None = field(default=None, repr=False)


@frozen(kw_only=True)
class CommandEnd(WireObject):
    """How a command ended, and how much it wrote.

    Attributes:
        exit_code: Its exit status; 128 plus the number of the signal that ended it.
        signal: That signal, 0 if there was none.
        stdout_bytes: Bytes of standard output that were sent.
        stderr_bytes: Bytes of standard error that were sent.
    """

    pascal_case = False

    exit_code: int
    signal: int = 0
    stdout_bytes: int
    stderr_bytes: int
