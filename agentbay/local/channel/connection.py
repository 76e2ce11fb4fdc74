"""One WebSocket connection of one client: frames in, exchanges, frames out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import anyio
from aiohttp import WSCloseCode, WSMsgType
from attrs import define

from agentbay._wire.channel import GATEWAY, SDK, Frame, Phase
from agentbay.errors import ProtocolError, ServiceError
from agentbay.local.channel.registry import (
    ChannelFailedError,
    Exchange,
    Kind,
    Method,
    find_method,
)
from agentbay.local.ids import new_request_id
from agentbay.local.sandbox.base import SandboxDiedError, SandboxError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web
    from anyio.abc import TaskGroup

    from agentbay.local.channel.hub import SessionChannel

__all__ = ("Connection",)

logger = logging.getLogger(__name__)

MAX_EXCHANGES = 256
"""Calls and streams of one connection at once."""
_MAX_REFUSALS = 64
_SILENCE_SECONDS = 45.0
_PING_SECONDS = 5.0
_PATIENCE = 2
"""Silences, each answered by a ping, after which a client counts as gone."""


@define(eq=False)
class _Running:
    """An exchange while it runs."""

    exchange: Exchange
    scope: anyio.CancelScope
    use: contextlib.ExitStack


class Connection:
    """Serves one client until it leaves or the session ends.

    Sending takes turns, and waits while the client is slow to read: so a slow client
    slows down what it listens to, and nothing piles up here. Receiving never waits for sending.
    """

    def __init__(self, channel: SessionChannel, socket: web.WebSocketResponse) -> None:
        self._channel = channel
        self._socket = socket
        self._turn = asyncio.Lock()
        self._running: dict[str, _Running] = {}
        self._refusals = asyncio.Semaphore(_MAX_REFUSALS)
        self._ping: bytes | None = None
        self._pinged = asyncio.Event()
        self.on_close: list[Callable[[], None]] = []

    async def serve(self) -> None:
        """Serve the client; everything it began has ended when this returns."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._close_with_session, group.cancel_scope)
                group.start_soon(self._answer_pings)
                await self._read(group)
                group.cancel_scope.cancel()
        finally:
            for callback in self.on_close:
                callback()
            for running in self._running.values():
                running.use.close()  # of those, too, whose task never got to run

    async def send(self, identity: str, source: str, data: dict[str, Any]) -> None:
        """Send a frame to the client.

        Raises:
            ConnectionError: The client is gone.
        """
        await self._send(Frame(identity, source, SDK, data))

    async def push(self, source: str, data: dict[str, Any]) -> None:
        """Tell the client something that it has not asked for just now.

        Raises:
            ConnectionError: The client is gone.
        """
        await self.send(new_request_id(), source, data)

    async def _send(self, frame: Frame) -> None:
        text = frame.to_text()
        async with self._turn:
            if self._socket.closed:
                raise ConnectionResetError("The client has closed the connection")
            await self._socket.send_str(text)

    async def _close_with_session(self, scope: anyio.CancelScope) -> None:
        await self._channel.session.ended.wait()
        for running in list(self._running.values()):
            running.scope.cancel()
        with anyio.move_on_after(_PING_SECONDS):
            for identity in list(self._running):
                await self._fail(identity, ChannelFailedError(self._ended, "session_ended"))
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=self._ended.encode())
        scope.cancel()

    async def _answer_pings(self) -> None:
        # Not where frames are read: that must go on while a slow client takes nothing.
        while True:
            await self._pinged.wait()
            self._pinged.clear()
            data, self._ping = self._ping, None
            async with self._turn:
                if data is not None and not self._socket.closed:
                    await self._guarded(self._socket.pong(data))

    @staticmethod
    async def _guarded(sending: Awaitable[None]) -> None:
        try:
            await sending
        except ConnectionError:
            return  # the reading side learns of it as well, and ends the connection

    async def _read(self, group: TaskGroup) -> None:
        while True:
            message = await self._receive()
            if message is None:
                logger.info("A client of session %s is silent: dropped", self._channel.session.id)
                return
            if message.type is WSMsgType.PING:
                self._ping = bytes(message.data)
                self._pinged.set()
            elif message.type is WSMsgType.TEXT:
                await self._take(message.data, group)
            elif message.type is not WSMsgType.PONG:
                return  # closed, broken, or not a channel's frame

    async def _receive(self) -> Any:
        """Return the next message, ``None`` if there is nothing more to hope for."""
        for _ in range(_PATIENCE):
            with anyio.move_on_after(_SILENCE_SECONDS):
                return await self._socket.receive()
            with anyio.move_on_after(_PING_SECONDS):
                async with self._turn:
                    await self._guarded(self._socket.ping())
        return None

    async def _take(self, text: str, group: TaskGroup) -> None:
        try:
            frame = Frame.from_text(text)
        except ProtocolError as exc:
            # Some clients send {"type": "ping"} to keep the connection alive.
            logger.debug("Session %s: a frame is ignored: %s", self._channel.session.id, exc)
            return
        running = self._running.get(frame.id)
        if running is not None:
            if frame.data is not None:
                with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await running.exchange.later_in.send(frame.data)
            return
        try:
            await self._begin(frame, group)
        except Exception as exc:  # noqa: BLE001 - told to the client
            await self._refusals.acquire()
            group.start_soon(self._refuse, frame.id, self._described(exc, frame))

    async def _refuse(self, identity: str, error: ChannelFailedError) -> None:
        try:
            await self._fail(identity, error)
        finally:
            self._refusals.release()

    async def _begin(self, frame: Frame, group: TaskGroup) -> None:
        name = (frame.data or {}).get("method")
        if not frame.target or not isinstance(name, str):
            raise ChannelFailedError(
                "A frame needs a target, and a method in its data", "invalid_argument"
            )
        method = find_method(frame.target, name)
        if len(self._running) >= MAX_EXCHANGES:
            raise ChannelFailedError(
                f"This connection has {MAX_EXCHANGES} calls and streams open already", "too_many"
            )
        with contextlib.ExitStack() as stack:
            place = stack.enter_context(self._channel.session.in_use())
            exchange = Exchange(self, self._channel, place, frame, name)
            stack.callback(exchange.close)
            stack.enter_context(self._channel.exchange())
            if method.kind is Kind.MESSAGE:
                await method.handler(exchange)
                return
            running = _Running(exchange, anyio.CancelScope(), stack.pop_all())
        self._running[frame.id] = running
        group.start_soon(self._run, method, running)

    async def _run(self, method: Method, running: _Running) -> None:
        exchange = running.exchange
        with running.use:
            try:
                with running.scope:
                    await self._carry_out(method, exchange)
            finally:
                if not running.scope.cancel_called:
                    del self._running[exchange.id]

    async def _carry_out(self, method: Method, exchange: Exchange) -> None:
        try:
            returned = dict(await method.handler(exchange) or {})
            if method.kind is Kind.STREAM:
                await exchange.send({"phase": Phase.END, **returned})
            else:
                await exchange.send({"result": returned})
        except ConnectionError:
            return  # the client is gone; the reading side ends the connection
        except Exception as exc:  # noqa: BLE001 - told to the client
            await self._fail(exchange.id, self._described(exc, exchange))

    async def _fail(self, identity: str, error: ChannelFailedError) -> None:
        """Tell the client that an exchange has failed; in the gateway's name, in plain words."""
        text = str(error)
        data = {"phase": Phase.ERROR, "error": text, "code": error.code}
        await self._guarded(self._send(Frame(identity, GATEWAY, SDK, data, text)))

    def _described(self, exc: Exception, of: Exchange | Frame) -> ChannelFailedError:
        if isinstance(exc, ChannelFailedError):
            return exc
        if isinstance(exc, ServiceError):
            return ChannelFailedError(exc.detail, exc.code)
        if isinstance(exc, SandboxDiedError):
            return ChannelFailedError(self._ended, "session_ended")
        if isinstance(exc, WorkerError):
            return ChannelFailedError(str(exc), exc.code)
        if isinstance(exc, SandboxError):
            return ChannelFailedError(str(exc), "internal")
        logger.error("An exchange with %s failed", of.target, exc_info=exc)
        return ChannelFailedError("The local runtime failed; its log tells why", "internal")

    @property
    def _ended(self) -> str:
        return f"Session {self._channel.session.id} has ended"
