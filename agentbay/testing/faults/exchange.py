"""One request and its answer, and what can be done to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from attrs import define

from agentbay.testing.faults.transports import Discarding, Tampered

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("Exchange", "reset")

TamperedT = TypeVar("TamperedT", bound=Tampered)

_HEAD_END = b"\r\n\r\n"
_LOOK_SECONDS = 0.5


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Reset a connection: the other side gets an RST, and what was not sent is not."""
    if not isinstance(transport, asyncio.WriteTransport):
        return  # it has ended
    raw = transport.get_extra_info("socket")
    if raw is not None and not transport.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@define(eq=False)
class Exchange:
    """A request on its way to its handler, and the connection that it came by."""

    request: web.Request
    _handler: Handler
    _transport: asyncio.Transport

    @property
    def ended(self) -> bool:
        """Whether the connection can carry no answer any more."""
        return self._transport.is_closing()

    async def carry_out(self) -> web.StreamResponse:
        """Have the request handled, and send the answer."""
        try:
            response = await self._handler(self.request)
        except web.HTTPException as exc:
            response = web.Response(
                status=exc.status, reason=exc.reason, headers=exc.headers, body=exc.body
            )
        return await self._sent(response)

    async def _sent(self, response: web.StreamResponse) -> web.StreamResponse:
        await response.prepare(self.request)
        await response.write_eof()
        return response

    @contextlib.contextmanager
    def through(self, kind: type[TamperedT], **facts: Any) -> Iterator[TamperedT]:
        """Send what is sent within the block through a transport that tampers with it."""
        protocol = self.request.protocol
        tampered = kind(self._transport, protocol, **facts)
        protocol.transport = tampered
        try:
            yield tampered
        finally:
            if protocol.transport is tampered:  # else the connection has ended
                protocol.transport = self._transport

    async def without_answer(self, *, processed: bool) -> web.StreamResponse:
        """Let the server believe that it has answered, having done what was asked or nothing."""
        with self.through(Discarding):
            return await (self.carry_out() if processed else self._sent(web.Response()))

    async def answer(
        self, data: bytes, *, processed: bool = False, close: bool = False
    ) -> web.StreamResponse:
        """Answer with *data*, having done what was asked or nothing."""
        response = await self.without_answer(processed=processed)
        if self.request.method == "HEAD":
            data = b"".join(data.partition(_HEAD_END)[:2])
        if not self.ended:
            self._transport.write(data)
            if close:
                self._transport.close()
        return response

    def close(self) -> None:
        """Close the connection; what was sent arrives."""
        self._transport.close()

    def reset(self) -> None:
        """Reset the connection."""
        reset(self._transport)

    async def hold(self, end: asyncio.Event) -> None:
        """Leave the connection as it is until the client or the server ends it."""
        # Servers tell handlers of a connection that ended by cancelling them; not all of them.
        while not self.ended:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(end.wait(), _LOOK_SECONDS)
                return
