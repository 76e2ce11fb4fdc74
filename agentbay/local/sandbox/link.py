"""The runtime's end of the socket to a worker."""

from __future__ import annotations

import asyncio
import itertools
import math
from typing import TYPE_CHECKING, Any, cast

import anyio

from agentbay.local.sandbox.base import SandboxDiedError, SandboxError, WorkerError, WorkerReply
from agentbay.local.sandbox.streams import LinkStream
from agentbay.local.worker.frames import (
    PROTOCOL_VERSION,
    STREAM_KINDS,
    Decoder,
    Frame,
    FrameError,
    Kind,
    Message,
    batches,
    call_frames,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

_WRITE_BUFFER_BYTES = 256 * 1024
_MAX_CALLS = 2**32


class _Pending:
    """A call that has not been answered yet."""

    def __init__(self, answer: asyncio.Future[WorkerReply]) -> None:
        self.answer = answer
        self.message = Message()
        self.scope = anyio.CancelScope()
        self._left: float | None = None

    def hold(self, now: float) -> None:
        """Stop the clock of its time limit."""
        if self._left is None:
            self._left = self.scope.deadline - now
            self.scope.deadline = math.inf

    def go_on(self, now: float) -> None:
        """Let the clock run again."""
        if self._left is not None:
            self.scope.deadline = now + self._left
            self._left = None

    def fail(self, exc: SandboxError) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


class Link(asyncio.Protocol):
    """Carries calls to one worker and their answers back, any number at a time.

    The worker shares its sandbox with the user's code, so nothing it sends is trusted: what is
    malformed ends the link, what nobody waits for is dropped, and answers are bounded.
    """

    def __init__(self, name: str, on_lost: Callable[[], None]) -> None:
        self._name = name
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._decoder = Decoder()
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._streams: dict[int, LinkStream] = {}
        self._writable = asyncio.Event()
        self._hello: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost = asyncio.Event()
        self._fault: str | None = None

    @classmethod
    async def open(
        cls,
        sock: socket.socket,
        name: str,
        settings: Mapping[str, Any],
        on_lost: Callable[[], None],
    ) -> Link:
        """Take over *sock* and send the worker its settings; `ready` tells when it has them."""
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(lambda: cls(name, on_lost), sock=sock)
        for batch in batches(call_frames(0, "configure", settings, b"")):
            link._write(batch)
        return link

    async def ready(self) -> None:
        """Return once the worker has said hello.

        Raises:
            SandboxError: It speaks another version of the protocol, or ended before it spoke.
        """
        await asyncio.shield(self._hello)

    async def call(
        self, method: str, params: Mapping[str, Any], *, payload: bytes, timeout: float
    ) -> WorkerReply:
        """Do what `Sandbox.call` promises."""
        if self._lost.is_set():
            raise self._died()
        number = next(self._numbers) % _MAX_CALLS
        pending = _Pending(asyncio.get_running_loop().create_future())
        self._pending[number] = pending
        try:
            with anyio.fail_after(timeout) as pending.scope:
                for batch in batches(call_frames(number, method, params, payload)):
                    self._write(batch)
                    await self._writable.wait()
                return await pending.answer
        except TimeoutError:
            raise WorkerError(
                f"{method} was not answered within {timeout:g} seconds", "timeout"
            ) from None
        finally:
            del self._pending[number]
            if not pending.answer.done() or pending.answer.cancelled():
                self._write(Frame(Kind.CANCEL, number).encode())
            else:
                pending.answer.exception()  # looked at, even if the answer came too late

    def hold_calls(self) -> None:
        """Stop the clocks of the calls in progress: their worker is being stopped, too."""
        now = anyio.current_time()
        for pending in self._pending.values():
            pending.hold(now)

    def continue_calls(self) -> None:
        """Undo `hold_calls`."""
        now = anyio.current_time()
        for pending in self._pending.values():
            pending.go_on(now)

    async def open_stream(
        self, method: str, params: Mapping[str, Any], *, timeout: float
    ) -> LinkStream:
        """Open a stream to what *method* of the worker gives.

        Raises:
            WorkerError: The worker could not open it, or not in time (code ``timeout``).
            SandboxDiedError: The worker is gone.
        """
        if self._lost.is_set():
            raise self._died()
        number = next(self._numbers) % _MAX_CALLS
        stream = LinkStream(number, self._write, self._writable, self._forget_stream)
        self._streams[number] = stream
        try:
            with anyio.fail_after(timeout):
                await stream.open(method, params)
        except TimeoutError:
            stream.close()
            raise WorkerError(
                f"{method} did not succeed within {timeout:g} seconds", "timeout"
            ) from None
        except BaseException:
            stream.close()
            raise
        return stream

    def _forget_stream(self, number: int) -> None:
        self._streams.pop(number, None)

    async def close(self) -> None:
        """Close the socket; calls in progress fail, and streams break."""
        if self._transport is not None:
            self._transport.abort()
            await self._lost.wait()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        self._writable.set()

    def pause_writing(self) -> None:
        """Called by the event loop: the worker is slower than we are."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        try:
            for frame in self._decoder.feed(data):
                self._handle(frame)
        except FrameError as exc:
            self._fault = f"its worker broke the protocol: {exc}"
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Called by the event loop: the worker is gone, or `close` was called."""
        self._lost.set()
        self._writable.set()
        for pending in self._pending.values():
            pending.fail(self._died())
        for stream in list(self._streams.values()):
            stream.fail(self._died())
        if not self._hello.done():
            self._hello.set_exception(self._died())
            self._hello.exception()  # the start may have been given up: nobody has to look
        self._on_lost()

    def _handle(self, frame: Frame) -> None:
        if frame.kind is Kind.HELLO:
            self._greet(frame)
            return
        if frame.kind in STREAM_KINDS:
            if (stream := self._streams.get(frame.call)) is not None:
                stream.take(frame)
            return
        pending = self._pending.get(frame.call)
        if pending is None or pending.answer.done():
            return
        if frame.kind is Kind.DATA:
            pending.message.add(frame)
        elif frame.kind is Kind.END:
            result = pending.message.take_object("result")
            pending.answer.set_result(WorkerReply(result, pending.message.take_blobs()))
        elif frame.kind is Kind.ERROR:
            pending.fail(WorkerError(frame.text("message"), frame.text("code")))
        else:
            raise FrameError(f"unexpected {frame.kind.name} frame")

    def _greet(self, frame: Frame) -> None:
        if self._hello.done():
            raise FrameError("more than one HELLO frame")
        if frame.header.get("protocol") == PROTOCOL_VERSION:
            self._hello.set_result(None)
        else:
            raise FrameError(f"protocol {frame.header.get('protocol')!r}, not {PROTOCOL_VERSION}")

    def _died(self) -> SandboxDiedError:
        reason = self._fault or "the connection to its worker is closed"
        return SandboxDiedError(f"Sandbox {self._name} has ended: {reason}")
