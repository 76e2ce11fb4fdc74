"""Which function serves which method of which target, and what it gets to do so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import anyio
from attrs import frozen

from agentbay._wire.channel import Phase
from agentbay._wire.codec import strict_converter, structure
from agentbay.errors import ProtocolError

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream

    from agentbay._wire.channel import Frame
    from agentbay.local.channel.connection import Connection
    from agentbay.local.channel.hub import SessionChannel
    from agentbay.local.session import Session
    from agentbay.local.tools.registry import Workplace

__all__ = ("ChannelFailedError", "Exchange", "Kind", "Method", "find_method", "serves")


_LATER_FRAMES = 64
"""Frames of one exchange that wait to be taken; with more, the connection is not read."""


class ChannelFailedError(Exception):
    """An exchange that fails, with a code for programs and a message for people."""

    def __init__(self, message: str, code: str = "failed") -> None:
        super().__init__(message)
        self.code = code


class Kind(Enum):
    """How an exchange goes on after its first frame."""

    CALL = auto()
    STREAM = auto()
    MESSAGE = auto()


class Exchange:
    """One exchange with a client, from its first frame to its end.

    Args:
        connection: Where it came from.
        channel: What belongs to the session and outlives the connection.
        place: Where to work.
        frame: Its first frame.
        method: The method that the frame names.
    """

    def __init__(
        self,
        connection: Connection,
        channel: SessionChannel,
        place: Workplace,
        frame: Frame,
        method: str,
    ) -> None:
        self.connection = connection
        self.channel = channel
        self.place = place
        self.id = frame.id
        self.target = frame.target
        self.method = method
        self.data: Mapping[str, Any] = frame.data or {}
        self._sent = 0
        self.later_in: MemoryObjectSendStream[dict[str, Any]]
        self.later_in, self._later = anyio.create_memory_object_stream(_LATER_FRAMES)

    @property
    def session(self) -> Session:
        """The session."""
        return self.channel.session

    @property
    def params(self) -> dict[str, Any]:
        """The parameters.

        Raises:
            ChannelFailedError: They are no object.
        """
        return params_of(self.data)

    def read_params(self, kind: type[Any]) -> Any:
        """Return the parameters as the wire class *kind*.

        Raises:
            ChannelFailedError: They do not fit.
        """
        try:
            return structure(
                strict_converter, self.params, kind, f"The parameters of {self.method}"
            )
        except ProtocolError as exc:
            raise ChannelFailedError(str(exc), "invalid_argument") from exc

    async def event(self, event_type: str, **fields: Any) -> None:
        """Send an event of a stream; waits while the client is slow to take it."""
        await self.send({"phase": Phase.EVENT, "eventType": event_type, **fields})

    async def send(self, fields: Mapping[str, Any]) -> None:
        """Send a frame of this exchange."""
        self._sent += 1
        mode = self.data.get("mode")
        head: dict[str, Any] = {"method": self.method}
        if isinstance(mode, str):
            head["mode"] = mode
        await self.connection.send(self.id, self.target, {**head, "seq": self._sent, **fields})

    async def receive(self) -> dict[str, Any]:
        """Return the ``data`` of the next frame that the client sends in this exchange."""
        return await self._later.receive()

    def close(self) -> None:
        """Take no more frames of the client."""
        self.later_in.close()
        self._later.close()


Handler = Callable[[Exchange], Awaitable["Mapping[str, Any] | None"]]
"""Serves one exchange."""


@frozen
class Method:
    """One method of a target."""

    kind: Kind
    handler: Handler


_METHODS: dict[tuple[str, str], Method] = {}


def serves(target: str, method: str, kind: Kind) -> Callable[[Handler], Handler]:
    """Register the decorated function for *method* of *target*."""

    def register(handler: Handler) -> Handler:
        _METHODS[target, method] = Method(kind, handler)
        return handler

    return register


def find_method(target: str, name: str) -> Method:
    """Return the method.

    Raises:
        ChannelFailedError: There is no such target or method; the message has those there are.
    """
    found = _METHODS.get((target, name))
    if found is not None:
        return found
    of_target = sorted(method for known, method in _METHODS if known == target)
    if of_target:
        problem = f"{target} has no method {name!r:.100}; it has {', '.join(of_target)}"
    else:
        known = ", ".join(sorted({known for known, _ in _METHODS}))
        problem = f"There is no target {target!r:.100}; there are {known}"
    raise ChannelFailedError(problem, "unknown_method")


def params_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters in *data*; none is like an empty object.

    Raises:
        ChannelFailedError: They are something else.
    """
    params = data.get("params")
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise ChannelFailedError("params must be an object", "invalid_argument")
    return params
