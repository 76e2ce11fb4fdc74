"""Transports that do not send what they are given, or not yet.

They stand between the server's HTTP and the connection, so that the bytes of an answer can be
lost, late, slow or cut, whatever kind of answer it is.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

__all__ = ("Cutting", "Discarding", "Held", "Slowed", "Tampered")

_HEAD_END = b"\r\n\r\n"
_HIGH_BYTES = 256 * 1024
_TICK_SECONDS = 0.02
_PIECE_BYTES = 32 * 1024


class Tampered(asyncio.Transport):
    """Base: everything but the writing is that of the connection's own transport."""

    def __init__(self, inner: asyncio.Transport, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.inner = inner
        self._protocol = protocol

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take *data*."""

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Take all of the data."""
        self.write(b"".join(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the connection."""
        return self.inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self.inner.is_closing()

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be sent."""
        return self.inner.get_write_buffer_size()

    def is_reading(self) -> bool:
        """Return whether anything is received."""
        return self.inner.is_reading()

    def pause_reading(self) -> None:
        """Receive nothing for now."""
        self.inner.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        self.inner.resume_reading()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return what the connection is handled by."""
        return self.inner.get_protocol()

    def close(self) -> None:
        """Close the connection once everything has been sent."""
        self.inner.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self.inner.abort()


class Discarding(Tampered):
    """Sends nothing."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Drop *data*."""


class Cutting(Tampered):
    """Sends the head of an answer and some bytes of what follows, then closes the connection.

    Args:
        after: How many bytes.
        short: Whether the last byte is never sent, however many there are.
    """

    def __init__(
        self,
        inner: asyncio.Transport,
        protocol: asyncio.BaseProtocol,
        *,
        after: int,
        short: bool,
    ) -> None:
        super().__init__(inner, protocol)
        self._left = after
        self._withheld = 1 if short else 0
        self._pending = bytearray()
        self._in_head = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send what may be sent of *data*."""
        if self.inner.is_closing():
            return
        self._pending += data
        if self._in_head:
            end = self._pending.find(_HEAD_END)
            if end < 0:
                return
            self._in_head = False
            self._send(end + len(_HEAD_END))
        count = min(len(self._pending) - self._withheld, self._left)
        if count > 0:
            self._left -= count
            self._send(count)
        if self._left == 0:
            self.inner.close()

    def _send(self, count: int) -> None:
        self.inner.write(bytes(self._pending[:count]))
        del self._pending[:count]


class _Delayed(Tampered):
    """Keeps what it is given, for a task that sends it; asks for no more when that is much."""

    def __init__(self, inner: asyncio.Transport, protocol: asyncio.BaseProtocol) -> None:
        super().__init__(inner, protocol)
        self._kept = bytearray()
        self._paused = False
        self._closing = False
        self._sending: asyncio.Task[None] | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep *data*, and begin to send if nothing is being sent."""
        self._kept += data
        if len(self._kept) > _HIGH_BYTES and not self._paused:
            self._paused = True
            self._protocol.pause_writing()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="fault")

    @abstractmethod
    async def _send(self) -> None:
        """Send what is kept, and what comes meanwhile."""

    def _take(self, count: int) -> bytes:
        data = bytes(self._kept[:count])
        del self._kept[:count]
        if self._paused and len(self._kept) <= _HIGH_BYTES:
            self._paused = False
            self._protocol.resume_writing()
        return data

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be sent."""
        return len(self._kept) + self.inner.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Return whether nothing more is taken."""
        return self._closing or self.inner.is_closing()

    def close(self) -> None:
        """Close the connection once everything has been sent."""
        self._closing = True
        if self._sending is None or self._sending.done():
            self.inner.close()
        else:
            self._sending.add_done_callback(lambda _: self.inner.close())

    async def finish(self) -> None:
        """Return when everything has been sent, or nothing can be sent any more."""
        if self._sending is not None:
            await self._sending

    def stop(self) -> None:
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()


class Slowed(_Delayed):
    """Sends so many bytes a second."""

    def __init__(
        self,
        inner: asyncio.Transport,
        protocol: asyncio.BaseProtocol,
        *,
        bytes_per_second: float,
    ) -> None:
        super().__init__(inner, protocol)
        self._rate = bytes_per_second
        self._piece = max(1, min(int(bytes_per_second * _TICK_SECONDS), _PIECE_BYTES))

    async def _send(self) -> None:
        while self._kept and not self.inner.is_closing():
            await asyncio.sleep(min(self._piece, len(self._kept)) / self._rate)
            # A client that does not read is slower still.
            if self.inner.get_write_buffer_size() == 0:
                self.inner.write(self._take(self._piece))


class Held(_Delayed):
    """Sends nothing until something has happened, which begins with the first byte to send."""

    def __init__(
        self,
        inner: asyncio.Transport,
        protocol: asyncio.BaseProtocol,
        *,
        until: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(inner, protocol)
        self._until = until
        self._open = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep *data*, unless it has happened."""
        if self._open:
            self.inner.write(data)
        else:
            super().write(data)

    async def _send(self) -> None:
        await self._until()
        self._open = True
        self.inner.write(self._take(len(self._kept)))
