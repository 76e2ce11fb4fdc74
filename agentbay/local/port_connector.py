"""Connections of the HTTP client that end inside a sandbox."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import BaseConnector

from agentbay.local.sandbox.base import SandboxError
from agentbay.local.tasks import BackgroundTasks

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

    from agentbay.local.sandbox.base import Sandbox, Stream

__all__ = ("PortConnector", "StreamTransport")

_HIGH_WATER_BYTES = 256 * 1024
_LOW_WATER_BYTES = 64 * 1024
_CONNECT_SECONDS = 15.0
_LINGER_SECONDS = 2.0
_END_SECONDS = 2 * _LINGER_SECONDS


class PortConnector(BaseConnector):
    """Connects to one port of one sandbox, whatever host a request names.

    Every request gets a connection of its own: to open one costs little, and none can be closed
    by the server at the moment when it is used again.
    """

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        super().__init__(force_close=True, limit=0)
        self._sandbox = sandbox
        self._port = port
        self._transports = BackgroundTasks()

    async def _create_connection(
        self,
        req: ClientRequest,  # noqa: ARG002 - given by the base class, like the others
        traces: list[Trace],  # noqa: ARG002
        timeout: ClientTimeout,  # noqa: ARG002
    ) -> ResponseHandler:
        stream = await self._sandbox.connect(self._port, timeout=_CONNECT_SECONDS)
        protocol = self._factory()
        transport = StreamTransport(stream, protocol)
        self._transports.spawn(transport.run(), f"port {self._port} of {self._sandbox.spec.id}")
        return protocol

    async def wait_closed(self) -> None:
        """Wait until the connections are gone, after the client has been closed."""
        if not await self._transports.wait(_END_SECONDS):
            await self._transports.cancel(_END_SECONDS)


class StreamTransport(asyncio.Transport):
    """Carries the bytes of a protocol over a stream; `run` does the work."""

    def __init__(self, stream: Stream, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._stream = stream
        self._protocol = protocol
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._protocol_waits = False
        self._wake_writer = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._closing = False
        self._linger: asyncio.TimerHandle | None = None
        protocol.connection_made(self)

    async def run(self) -> None:
        """Move bytes both ways until the stream or the protocol has had enough."""
        writer = asyncio.ensure_future(self._write_all())
        error: Exception | None = None
        try:
            error = await self._read_all()
        finally:
            self._closing = True
            if self._linger is not None:
                self._linger.cancel()
            writer.cancel()
            await asyncio.wait([writer])
            self._stream.close()
            self._protocol.connection_lost(error)

    async def _read_all(self) -> Exception | None:
        """Pass on what comes; after `close` only wait for the end of it."""
        try:
            while data := await self._stream.receive():
                await self._may_read.wait()
                if not self._closing:
                    self._protocol.data_received(data)
        except SandboxError as exc:
            return None if self._closing else ConnectionResetError(str(exc))
        if not self._closing:
            self._protocol.eof_received()
            if not self._unsent_bytes:
                self._stream.end()
        return None

    async def _write_all(self) -> None:
        try:
            while True:
                while self._unsent:
                    data = self._unsent.popleft()
                    await self._stream.send(data)
                    self._unsent_bytes -= len(data)
                    self._resume_protocol()
                if self._closing:
                    self._stream.end()
                    return
                self._wake_writer.clear()
                await self._wake_writer.wait()
        except SandboxError:
            return  # the reading side meets the same, and tells the protocol

    def _resume_protocol(self) -> None:
        if self._protocol_waits and self._unsent_bytes <= _LOW_WATER_BYTES:
            self._protocol_waits = False
            self._protocol.resume_writing()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send *data* soon."""
        if self._closing or not data:
            return
        self._unsent.append(bytes(data))
        self._unsent_bytes += len(data)
        self._wake_writer.set()
        if not self._protocol_waits and self._unsent_bytes > _HIGH_WATER_BYTES:
            self._protocol_waits = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have not been sent yet."""
        return self._unsent_bytes

    def is_closing(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self._closing

    def is_reading(self) -> bool:
        """Return whether the protocol takes data."""
        return self._may_read.is_set()

    def pause_reading(self) -> None:
        """Pass on nothing for now; the stream's credit makes the other side wait."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Pass data on again."""
        self._may_read.set()

    def close(self) -> None:
        """Send what is left, say that this was all, and give the other side a moment to end."""
        if self._closing:
            return
        self._closing = True
        self._may_read.set()
        self._wake_writer.set()
        self._linger = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._stream.close)

    def abort(self) -> None:
        """Break the connection."""
        self._closing = True
        self._may_read.set()
        self._stream.close()
