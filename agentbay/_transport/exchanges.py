"""What waits for frames of a channel: calls and streams."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
from attrs import define

from agentbay._masking import mask_sensitive_data
from agentbay._wire.channel import Phase
from agentbay.errors import (
    AgentBayError,
    ProtocolError,
    RemoteOperationError,
    RequestTimeoutError,
    WsCancelledError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from agentbay._transport.deadline import Deadline

__all__ = ("BUFFER_BYTES", "ChannelStream", "PendingCall")

BUFFER_BYTES = 4 * 1024 * 1024
"""About how much of a stream may wait to be received before the connection is no longer read."""
_FRAME_COST = 512
_SHOWN_CHARACTERS = 2000


@define(eq=False)
class PendingCall:
    """A call that has not been answered yet."""

    answer: asyncio.Future[dict[str, Any]]
    on_reply: Callable[[dict[str, Any]], None] | None = None

    async def take(self, data: dict[str, Any], size: int = 0) -> bool:  # noqa: ARG002 - as a stream's
        """Take in the answer: the first frame is it, whatever it says."""
        if data.get("result") is None and data.get("error") is not None:
            self.fail(remote_error(data))
        else:
            self.finish(data)
        return True

    def finish(self, data: dict[str, Any]) -> None:
        """Succeed with *data*."""
        if not self.answer.done():
            if self.on_reply is not None:
                self.on_reply(data)
            self.answer.set_result(data)

    def fail(self, error: AgentBayError) -> None:
        """Fail with *error*."""
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # whoever waits may be cancelled just now, and not look


class ChannelStream:
    """A stream of events until an end; a failure comes after the events before it.

    Args:
        identity: The stream's id.
        send: Sends further frames of it.
        forget: Called when nothing more is wanted of it.
        deadline: When its end must have been received.
    """

    def __init__(
        self,
        identity: str,
        send: Callable[[dict[str, Any]], Awaitable[None]],
        forget: Callable[[], object],
        deadline: Deadline | None = None,
    ) -> None:
        self._id = identity
        self._send = send
        self._forget = forget
        self._deadline = deadline
        self._events: deque[tuple[dict[str, Any], int]] = deque()
        self._size = 0
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._failure: AgentBayError | None = None
        self.end: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The stream's id on the wire."""
        return self._id

    async def receive(self) -> dict[str, Any] | None:
        """Return the ``data`` of the next event; ``None`` after the last, then :attr:`end` is set.

        Raises:
            RemoteOperationError: the server refused or failed.
            ProtocolError: a frame cannot be understood.
            RequestTimeoutError: the deadline passed.
            TransportError: the connection was lost.
            WsCancelledError: the stream was closed here.
        """
        try:
            with anyio.fail_after(None if self._deadline is None else self._deadline.remaining()):
                return await self._next()
        except TimeoutError:
            assert self._deadline is not None  # noqa: S101 - there is no other timeout
            self.close()
            raise RequestTimeoutError(
                f"The stream had not ended after {self._deadline.seconds:g} s"
            ) from None

    async def _next(self) -> dict[str, Any] | None:
        while not self._events:
            if self._failure is not None:
                raise self._failure
            if self.end is not None:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        data, cost = self._events.popleft()
        self._size -= cost
        if self._size < BUFFER_BYTES:
            self._has_room.set()
        return data

    async def write(self, data: dict[str, Any]) -> None:
        """Send a further frame of this stream.

        Raises:
            TransportError: the connection was lost.
        """
        if self._failure is not None:
            raise self._failure
        await self._send(data)

    def close(self) -> None:
        """Give the stream up, here only: the server is not told. Idempotent."""
        self._forget()
        self._events.clear()
        self._size = 0
        if self.end is None:
            self.fail(WsCancelledError(f"Stream {self._id} was cancelled by caller"))
        self._has_room.set()

    async def take(self, data: dict[str, Any], size: int = 0) -> bool:
        """Take in a frame of *size* characters; return whether it was the last.

        Waits while so much has not been received yet that more would be too much.
        """
        phase = data.get("phase")
        if phase == Phase.EVENT:
            self._events.append((data, size + _FRAME_COST))
            self._size += size + _FRAME_COST
            self._arrived.set()
            while self._size >= BUFFER_BYTES and self._failure is None:
                self._has_room.clear()
                await self._has_room.wait()
            return False
        if phase == Phase.END:
            self.finish(data)
        elif phase == Phase.ERROR:
            self.fail(remote_error(data))
        else:
            self.fail(ProtocolError(f"A frame of a stream has the phase {phase!r:.100}"))
        return True

    def finish(self, data: dict[str, Any]) -> None:
        """End well, with *data* as the end."""
        if self._failure is None and self.end is None:
            self.end = data
            self._arrived.set()

    def fail(self, error: AgentBayError) -> None:
        """End with *error*."""
        if self._failure is None and self.end is None:
            self._failure = error
            self._arrived.set()


def remote_error(data: dict[str, Any]) -> RemoteOperationError:
    """Return the failure that *data* tells of, with all that it says but the secrets."""
    text = str(mask_sensitive_data(data))[:_SHOWN_CHARACTERS]
    return RemoteOperationError(text, code=data.get("code"))
