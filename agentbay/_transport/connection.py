"""One WebSocket connection of a channel: messages in and out, and signs of life."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
from aiohttp import WSMsgType
from attrs import frozen

from agentbay.errors import ProtocolError, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientWebSocketResponse

__all__ = ("Connection", "Heartbeat")

logger = logging.getLogger("agentbay.channel")


@frozen
class Heartbeat:
    """How a client finds out that the other side is gone without a word.

    Attributes:
        interval: Seconds between two pings.
        patience: Seconds to wait for a sign of life after one.
    """

    interval: float = 20.0
    patience: float = 20.0


class Connection:
    """Holds up an open connection until it ends.

    Args:
        socket: The connection.
        rhythm: How to find out that it is dead.
        take: Takes each text message. While it waits, nothing more is read.
    """

    def __init__(
        self,
        socket: ClientWebSocketResponse[bool],
        rhythm: Heartbeat,
        take: Callable[[str], Awaitable[None]],
    ) -> None:
        self._socket = socket
        self._rhythm = rhythm
        self._take = take
        self._alive = anyio.Event()
        self._stalled = False

    async def send(self, text: str) -> None:
        """Send one message; waits while the other side is slow to take it.

        Raises:
            TransportError: The connection has ended.
            ProtocolError: The text is none.
        """
        if self._socket.closed:
            raise TransportError("connection closed")
        try:
            await self._socket.send_str(text)
        except OSError as exc:
            raise TransportError(f"connection closed: {exc}") from exc
        except UnicodeEncodeError as exc:
            raise ProtocolError(f"What is to be sent is not valid text: {exc}") from exc

    async def serve(self) -> TransportError:
        """Take in messages until the connection has ended, and return why it has."""
        reasons: list[TransportError] = []
        async with anyio.create_task_group() as group:
            group.start_soon(self._beat, reasons, group.cancel_scope)
            reasons.append(await self._read())
            group.cancel_scope.cancel()
        return reasons[0]

    async def _beat(self, reasons: list[TransportError], scope: anyio.CancelScope) -> None:
        while True:
            await anyio.sleep(self._rhythm.interval)
            self._alive = anyio.Event()
            with anyio.move_on_after(self._rhythm.patience) as waiting:
                try:
                    await self._socket.ping()
                except ConnectionError:
                    return  # the reading side says so
                await self._alive.wait()
            # While a consumer holds up the reading, a sign of life may be there unread.
            if waiting.cancelled_caught and not self._stalled:
                reasons.append(
                    TransportError(f"heartbeat failed: no pong in {self._rhythm.patience:g} s")
                )
                scope.cancel()

    async def _read(self) -> TransportError:
        while True:
            try:
                message = await self._socket.receive()
            except (ConnectionError, RuntimeError) as exc:
                return TransportError(f"recv loop closed: {exc}")
            self._alive.set()
            if message.type is WSMsgType.TEXT:
                self._stalled = True
                await self._take(message.data)
                self._stalled = False
            elif message.type is WSMsgType.PING:
                await self._pong(message.data)
            elif message.type is WSMsgType.ERROR:
                return TransportError(f"recv loop closed: {message.data}")
            elif message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                said = message.extra if message.type is WSMsgType.CLOSE else None
                return TransportError(f"connection closed: {said}" if said else "connection closed")
            elif message.type is not WSMsgType.PONG:
                logger.warning("A %s message was ignored", message.type.name)

    async def _pong(self, data: bytes) -> None:
        try:
            await self._socket.pong(data)
        except ConnectionError:
            return  # the next receive says so
