"""One terminal as this process sees it: from the answer that names it to its end."""

from __future__ import annotations

import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._transport.channel import ChannelState
from agentbay._wire.channel import PTY_SERVER, decode_bytes, encode_bytes
from agentbay.errors import AgentBayError, ProtocolError, PtyError, PtyNotConnectedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentbay._transport.channel import Channel, Subscription

__all__ = ("Terminal",)

logger = logging.getLogger("agentbay")

INPUT_BYTES = 32 * 1024
"""Most input in one frame."""
BUFFER_BYTES = 1024 * 1024
"""Output that may wait for a callback before the connection is no longer read."""


class Terminal:
    """A terminal at the other end of a channel.

    It is registered the moment that the answer which names it is read, so that no output is
    lost. A lost connection is an error, since output may have been lost with it.

    Args:
        channel: The session's WebSocket.
        on_data: Takes the output, one piece after the other; without it, output is dropped.
    """

    def __init__(
        self, channel: Channel, on_data: Callable[[bytes], Awaitable[None] | None] | None
    ) -> None:
        self.id = ""
        self.exit_code: int | None = None
        self.error: AgentBayError | None = None
        self.connected = False
        self.over = anyio.Event()
        self._channel = channel
        self._on_data = on_data
        self._can_detach = False
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._changed = anyio.Event()
        self._end: dict[str, Any] | None = None
        self._subscription: Subscription | None = None

    def register(self, identity: str) -> None:
        """Begin to take in what the server says of terminal *identity*."""
        self.id = identity
        self.connected = True
        self._channel.users[identity] += 1
        self._subscription = self._channel.subscribe(PTY_SERVER, self._take, self._notice)
        if self._on_data is not None:
            self._channel.spawn(self._call_back(self._on_data))

    def note_reply(self, result: dict[str, Any]) -> None:
        """Learn from the answer whether the service can be told that nobody watches any more."""
        self._can_detach = bool(result.get("detach"))

    async def send_input(self, data: bytes) -> None:
        """Send *data* in frames that are not too large, in its order."""
        for start in range(0, len(data), INPUT_BYTES):
            self.check_connected()
            await self._message("pty.input", encode_bytes(data[start : start + INPUT_BYTES]))

    async def resize(self, cols: int, rows: int) -> None:
        """Send the new size."""
        self.check_connected()
        await self._message("pty.resize", {"cols": cols, "rows": rows})

    async def _message(self, method: str, params: dict[str, Any]) -> None:
        data = {"method": method, "params": {"ptySessionId": self.id, **params}}
        await self._channel.send(PTY_SERVER, data)

    async def kill(self) -> None:
        """Have the server kill it."""
        self.check_connected()
        params = {"ptySessionId": self.id}
        await self._channel.call(PTY_SERVER, {"method": "pty.kill", "params": params})

    def check_connected(self) -> None:
        """Refuse what needs a connected terminal.

        Raises:
            PtyNotConnectedError: It is not.
        """
        if not self.connected:
            raise PtyNotConnectedError

    def disconnect(self) -> None:
        """Take nothing in any more, from whatever thread; the terminal goes on."""
        if self.connected:
            self.connected = False
            self._channel.call_soon(self._detach)

    def abandon(self) -> None:
        """Leave the terminal to another handle, on the same connection."""
        self._can_detach = False
        self.disconnect()

    def _detach(self) -> None:
        self._finish()
        if self._can_detach:
            self._channel.spawn(self._tell_detached())

    async def _tell_detached(self) -> None:
        if self._channel.users[self.id]:
            return  # another handle has connected meanwhile, by the same connection
        try:
            params = {"ptySessionId": self.id}
            await self._channel.call(PTY_SERVER, {"method": "pty.detach", "params": params})
        except AgentBayError as exc:
            logger.debug("Terminal %s: the service was not told of the end: %s", self.id, exc)

    def _notice(self, state: ChannelState, error: AgentBayError | None) -> None:
        if state is not ChannelState.OPEN and self._end is None:
            self._finish(error or PtyNotConnectedError())

    def _finish(self, error: AgentBayError | None = None) -> None:
        """Mark the end, whatever it is; only the first one counts."""
        self.connected = False
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
            self._channel.users[self.id] -= 1
        if not self.over.is_set():
            self.error = error
            self.over.set()
            self._changed.set()

    async def _take(self, data: dict[str, Any]) -> None:
        """Take in a push; waits while the callback has fallen too far behind."""
        if data.get("ptySessionId") != self.id or self.over.is_set():
            return
        kind = data.get("eventType")
        if kind == "pty.output" and self._on_data is not None:
            try:
                piece = decode_bytes(data)
            except ProtocolError as exc:
                self._finish(exc)
                return
            self._waiting.append(piece)
            self._size += len(piece)
            self._changed.set()
            while self._size > BUFFER_BYTES and not self.over.is_set():
                await self._wait_change()
        elif kind in ("pty.exit", "pty.error"):
            self._end = data
            self._changed.set()
            if self._on_data is None:
                self._finish_with_end()

    async def _wait_change(self) -> None:
        if self._changed.is_set():
            self._changed = anyio.Event()
        await self._changed.wait()

    async def _call_back(self, on_data: Callable[[bytes], Awaitable[None] | None]) -> None:
        """Hand the output over, piece by piece, and then mark the end."""
        while not self.over.is_set():
            if self._waiting:
                data = self._waiting.popleft()
                self._size -= len(data)
                self._changed.set()
                try:
                    outcome = on_data(data)
                    if inspect.isawaitable(outcome):
                        await outcome
                except Exception:
                    logger.exception("The callback for terminal %s failed", self.id)
            elif self._end is not None:
                self._finish_with_end()
            else:
                await self._wait_change()

    def _finish_with_end(self) -> None:
        end = self._end or {}
        if end.get("eventType") == "pty.error":
            self._finish(PtyError(str(end.get("error") or "Unknown PTY error")))
            return
        code = end.get("exitCode")
        self.exit_code = code if isinstance(code, int) else -1
        self._finish()
