"""The runtime's end of one stream to a worker."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from agentbay.local.sandbox.base import SandboxError, Stream, WorkerError
from agentbay.local.worker.frames import (
    CHUNK_BYTES,
    WINDOW_BYTES,
    Frame,
    FrameError,
    Kind,
    Receipts,
    credit_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class LinkStream(Stream):
    """One stream among the calls and streams of a link.

    What has arrived and was not received yet is bounded by the credit given; a worker that
    sends more than that breaks the protocol.

    Args:
        number: The stream's number on the link.
        write: Writes bytes to the worker's socket.
        writable: Set while that socket takes more.
        forget: Called once, when nothing of the worker concerns this stream any more.
    """

    def __init__(
        self,
        number: int,
        write: Callable[[bytes], None],
        writable: asyncio.Event,
        forget: Callable[[int], None],
    ) -> None:
        self._number = number
        self._write = write
        self._writable = writable
        self._forget = forget
        self._changed = asyncio.Event()
        self._credited = asyncio.Event()
        self._received: deque[bytes] = deque()
        self._receipts = Receipts()
        self._left = WINDOW_BYTES
        self._credit = 0
        self._sent_end = False
        self._seen_end = False
        self._failure: SandboxError | None = None

    async def open(self, method: str, params: Mapping[str, Any]) -> None:
        """Open it and return once the worker has something at its end."""
        self._send(Frame(Kind.OPEN, self._number, {"method": method, "params": dict(params)}))
        self._send(credit_frame(self._number, WINDOW_BYTES))
        await self._wait_credit()

    async def receive(self) -> bytes:
        """Return all that has arrived; nothing after the other side has ended."""
        while not self._received:
            if self._seen_end:
                return b""
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            await self._changed.wait()
        data = b"".join(self._received)
        self._received.clear()
        credit = self._receipts.take(len(data))
        if credit and not self._seen_end and self._failure is None:
            self._left += credit
            self._send(credit_frame(self._number, credit))
        return data

    async def send(self, data: bytes) -> None:
        """Send *data*, as far as the other side takes it."""
        rest = memoryview(data)
        while rest:
            await self._wait_credit()
            if self._sent_end:
                raise SandboxError("The stream has been ended")
            size = min(len(rest), self._credit, CHUNK_BYTES)
            self._credit -= size
            self._send(Frame(Kind.BYTES, self._number, None, bytes(rest[:size])))
            rest = rest[size:]
            await self._writable.wait()

    async def _wait_credit(self) -> None:
        while self._failure is None and not self._credit:
            self._credited.clear()
            await self._credited.wait()
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Tell the other side that nothing more will be sent."""
        if not self._sent_end and self._failure is None:
            self._sent_end = True
            self._send(Frame(Kind.CLOSE, self._number))
            self._forget_if_over()

    def close(self) -> None:
        """Give the stream up."""
        if self._failure is None and not self._over:
            self._send(Frame(Kind.RESET, self._number))
        self.fail(SandboxError("The stream has been closed"))

    def fail(self, failure: SandboxError) -> None:
        """Break it; what has arrived can still be received."""
        if self._failure is None:
            self._failure = failure
            self._forget(self._number)
            self._changed.set()
            self._credited.set()

    def take(self, frame: Frame) -> None:
        """Take in a frame of the worker.

        Raises:
            FrameError: The worker breaks the protocol.
        """
        if frame.kind is Kind.BYTES and not self._seen_end:
            self._left -= len(frame.payload)
            if self._left < 0:
                raise FrameError("bytes beyond the credit of a stream")
            if frame.payload:
                self._received.append(frame.payload)
                self._changed.set()
        elif frame.kind is Kind.CREDIT:
            self._credit += frame.amount("bytes")
            self._credited.set()
        elif frame.kind is Kind.CLOSE and not self._seen_end:
            self._seen_end = True
            self._changed.set()
            self._forget_if_over()
        elif frame.kind is Kind.RESET:
            self.fail(WorkerError(frame.text("message"), frame.text("code")))
        else:
            raise FrameError(f"unexpected {frame.kind.name} frame")

    @property
    def _over(self) -> bool:
        return self._sent_end and self._seen_end

    def _forget_if_over(self) -> None:
        if self._over:
            self._forget(self._number)

    def _send(self, frame: Frame) -> None:
        self._write(frame.encode())
