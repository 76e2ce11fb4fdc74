"""One WebSocket per session and event loop, shared by everything that streams.

::

    channel = session._channel()              # opened by the first use
    data = await channel.call(target, {"method": ..., "params": {...}}, timeout=30)
    stream = await channel.open_stream(target, {"method": ..., "mode": "stream", "params": {...}})
    while (event := await stream.receive()) is not None: ...    # the data of each event
    stream.end                                                # the data of the end
    await channel.send(target, {...})                         # no answer is awaited
    subscription = channel.subscribe(target, on_push, on_state)

What has been received and not been taken yet is bounded (`exchanges.BUFFER_BYTES` per stream). The
protocol has no flow control of its own, so a consumer that falls behind further than that holds
up the other exchanges of the connection until it goes on. A lost connection fails everything in
progress at once, and nothing is sent again. It is made anew by the next use, or by itself,
with growing pauses, while something is subscribed.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

import anyio
from attrs import define

from agentbay._transport.connection import Connection, Heartbeat
from agentbay._transport.deadline import Deadline
from agentbay._transport.exchanges import ChannelStream, PendingCall, remote_error
from agentbay._wire.channel import GATEWAY, SDK, Frame
from agentbay.errors import (
    AgentBayError,
    ClientClosedError,
    ProtocolError,
    RemoteOperationError,
    RequestTimeoutError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from agentbay._transport.http import HttpPool

__all__ = ("CALL_TIMEOUT", "Channel", "ChannelState", "Subscription")

logger = logging.getLogger("agentbay.channel")

CALL_TIMEOUT = 30.0
"""Seconds that a call may take unless it says otherwise."""
CONNECT_TIMEOUT = 30.0
"""Seconds that a connection may take that is made by itself."""

_FIRST_PAUSE = 0.5
_PAUSE_GROWTH = 1.5
_LONGEST_PAUSE = 5.0
_JITTER = 0.1


class ChannelState(Enum):
    """Where a channel stands."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    RECONNECTING = "RECONNECTING"
    ERROR = "ERROR"
    """It could not be opened, and nothing tries again by itself."""


@define(eq=False)
class Subscription:
    """Interest in what one server says by itself.

    Attributes:
        route: The server's name.
        on_push: Takes the ``data`` of each push. The connection is not read while it runs.
        on_state: Told of each change of the channel's state, with the error that led to it.
    """

    route: str
    on_push: Callable[[dict[str, Any]], Awaitable[None]]
    on_state: Callable[[ChannelState, AgentBayError | None], None] | None
    _channel: Channel

    def close(self) -> None:
        """End the interest. Idempotent."""
        self._channel._unsubscribe(self)


class Channel:
    """The WebSocket of one session, on one event loop.

    Args:
        http: Makes the connection.
        url: Where to, as the session announced it.
        token: What authorises it.
        heartbeat: Its rhythm.

    Attributes:
        state: Where it stands.
        users: How many here use something of the server that all users of the channel share.
    """

    def __init__(
        self, http: HttpPool, url: str, token: str, heartbeat: Heartbeat | None = None
    ) -> None:
        self._http = http
        self._url = url
        self._token = token
        self._rhythm = heartbeat or Heartbeat()
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self._wanted = asyncio.Event()
        self._closed = False
        self._pending: dict[str, PendingCall | ChannelStream] = {}
        self._subscriptions: list[Subscription] = []
        self.users: Counter[str] = Counter()
        self.state = ChannelState.CLOSED

    def __repr__(self) -> str:
        return f"<Channel {self.state.value} with {len(self._pending)} exchanges>"

    async def call(
        self,
        target: str,
        data: dict[str, Any],
        *,
        timeout: float | None = None,
        on_reply: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        """Make one call and return the ``data`` of its answer.

        Args:
            target: The server that is called.
            data: What is said to it.
            timeout: Seconds for all of it, connecting included.
            on_reply: Called with the answer before any later frame is looked at.

        Raises:
            RemoteOperationError: the server refused or failed.
            ProtocolError: the answer cannot be understood.
            RequestTimeoutError: there was none in time.
            TransportError: the connection could not be made, or was lost.
        """
        deadline = Deadline.after(CALL_TIMEOUT if timeout is None else timeout)
        identity = _new_id()
        pending = PendingCall(self._loop.create_future(), on_reply)
        try:
            with anyio.fail_after(deadline.remaining()):
                await self._begin(identity, pending, target, data)
                return await pending.answer
        except TimeoutError:
            raise RequestTimeoutError(
                f"{target} did not answer {data.get('method')} within {deadline.seconds:g} s"
            ) from None
        finally:
            self._pending.pop(identity, None)

    async def open_stream(
        self, target: str, data: dict[str, Any], *, timeout: float | None = None
    ) -> ChannelStream:
        """Begin a stream; its events are received from what this returns.

        Args:
            target: The server.
            data: What is said to it.
            timeout: Seconds for the whole stream, from now to its end; unlimited by default.

        Raises:
            TransportError: the connection could not be made, or was lost.
        """
        identity = _new_id()
        stream = ChannelStream(
            identity,
            lambda more: self._send(identity, target, more),
            lambda: self._pending.pop(identity, None),
            None if timeout is None else Deadline.after(timeout),
        )
        try:
            with anyio.fail_after(CONNECT_TIMEOUT if timeout is None else timeout):
                await self._begin(identity, stream, target, data)
        except TimeoutError:
            stream.close()
            raise RequestTimeoutError(f"{target} could not be reached in time") from None
        except BaseException:
            stream.close()
            raise
        return stream

    async def open(self) -> None:
        """Connect now rather than at the first use.

        Raises:
            TransportError: the connection could not be made.
        """
        try:
            with anyio.fail_after(CONNECT_TIMEOUT):
                await self._open()
        except TimeoutError:
            raise RequestTimeoutError("the session could not be reached in time") from None

    async def send(self, target: str, data: dict[str, Any]) -> None:
        """Send a message; whether it arrives is not told.

        Raises:
            TransportError: the connection could not be made, or was lost.
        """
        try:
            with anyio.fail_after(CALL_TIMEOUT):
                await self._open()
                await self._send(_new_id(), target, data)
        except TimeoutError:
            raise RequestTimeoutError(f"{target} did not take a message in time") from None

    def subscribe(
        self,
        route: str,
        on_push: Callable[[dict[str, Any]], Awaitable[None]],
        on_state: Callable[[ChannelState, AgentBayError | None], None] | None = None,
    ) -> Subscription:
        """Have *on_push* called with what the server *route* says by itself.

        The channel is not opened for it, but a connection that is lost is made again.
        """
        subscription = Subscription(route, on_push, on_state, self)
        self._subscriptions.append(subscription)
        return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* in a task that ends with the channel at the latest."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run *callback* on the channel's loop, from whatever thread; not if that has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    async def close(self) -> None:
        """Close the connection; everything in progress fails. Idempotent."""
        self._closed = True
        tasks = [task for task in (self._keeper, *self._tasks) if task is not None]
        tasks = [task for task in tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._lost(TransportError("connection closed: the channel was closed"))

    async def _begin(
        self,
        identity: str,
        pending: PendingCall | ChannelStream,
        target: str,
        data: dict[str, Any],
    ) -> None:
        await self._open()
        self._pending[identity] = pending
        await self._send(identity, target, data)

    async def _send(self, identity: str, target: str, data: dict[str, Any]) -> None:
        if self._connection is None:
            raise TransportError("connection closed")
        await self._connection.send(Frame(identity, SDK, target, data).to_text())

    async def _open(self) -> None:
        """Return once there is a connection.

        Raises:
            AgentBayError: It cannot be made.
        """
        while self._connection is None:
            if self._closed:
                raise ClientClosedError("The channel was closed; use the session to go on")
            if self._keeper is None or self._keeper.done():
                self._keeper = self._loop.create_task(self._keep_open())
            self._wanted.set()
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter

    async def _keep_open(self) -> None:
        """Hold a connection; make it anew for as long as something is subscribed."""
        pause = _FIRST_PAUSE
        reason: AgentBayError = TransportError("connection closed")
        try:
            while True:
                self._wanted.clear()
                try:
                    reason = await self._hold_connection()
                    pause, state = _FIRST_PAUSE, ChannelState.CLOSED
                except AgentBayError as exc:
                    reason, state = exc, ChannelState.ERROR
                is_kept = bool(self._subscriptions)
                self._lost(reason, ChannelState.RECONNECTING if is_kept else state)
                if not self._subscriptions:
                    return
                with anyio.move_on_after(pause + random.uniform(0, _JITTER)):  # noqa: S311
                    await self._wanted.wait()
                pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)
        finally:
            if self.state is not ChannelState.ERROR:
                self._lost(reason)

    async def _hold_connection(self) -> TransportError:
        """Make one connection, serve it to its end, and return why it has ended.

        Raises:
            AgentBayError: It cannot be made.
        """
        async with self._http.websocket(
            self._url,
            headers={"X-Access-Token": self._token},
            deadline=Deadline.after(CONNECT_TIMEOUT),
        ) as socket:
            self._connection = Connection(socket, self._rhythm, self._take)
            self._set_state(ChannelState.OPEN)
            for waiter in self._take_waiting():
                waiter.set_result(None)
            reason = await self._connection.serve()
            self._connection = None
            return reason

    async def _take(self, text: str) -> None:
        try:
            await self._dispatch(Frame.from_text(text), len(text))
        except ProtocolError as exc:
            logger.warning("A frame was ignored: %s", exc)

    async def _dispatch(self, frame: Frame, size: int) -> None:
        """Handle a frame; the order of the questions is that of the protocol."""
        pending = self._pending.get(frame.id)
        data = frame.data
        if pending is not None and frame.source == GATEWAY:
            del self._pending[frame.id]
            error = frame.error or _error_text(data)
            if error:
                pending.fail(RemoteOperationError(error, code=(data or {}).get("code")))
            else:
                pending.finish(data or {})
        elif not frame.target or data is None:
            problem = ProtocolError(f"A frame of {frame.source or 'nobody'} has no target or data")
            if self._pending.pop(frame.id, None) is None or pending is None:
                raise problem
            pending.fail(problem)
        elif pending is None:
            await self._push(frame, data)
        elif _error_text(data):
            del self._pending[frame.id]
            pending.fail(remote_error(data))
        elif await pending.take(data, size):
            self._pending.pop(frame.id, None)

    async def _push(self, frame: Frame, data: dict[str, Any]) -> None:
        route = frame.target
        if route == SDK and frame.source not in ("", SDK):
            route = frame.source
        for subscription in [one for one in self._subscriptions if one.route == route]:
            try:
                await subscription.on_push(data)
            except Exception:
                logger.exception("What %s said could not be handled", route)

    def _lost(self, reason: AgentBayError, state: ChannelState = ChannelState.CLOSED) -> None:
        """Fail everything in progress: nothing is sent again."""
        self._connection = None
        pending, self._pending = self._pending, {}
        for one in pending.values():
            one.fail(reason)
        for waiter in self._take_waiting():
            waiter.set_exception(reason)
            waiter.exception()  # whoever waits may be cancelled just now, and not look
        self._set_state(state, reason)

    def _take_waiting(self) -> list[asyncio.Future[None]]:
        waiting, self._waiting = self._waiting, []
        return [waiter for waiter in waiting if not waiter.done()]

    def _set_state(self, state: ChannelState, error: AgentBayError | None = None) -> None:
        if state is self.state:
            return
        self.state = state
        logger.debug("Channel %s%s", state.value, f": {error}" if error else "")
        for subscription in list(self._subscriptions):
            if subscription.on_state is None:
                continue
            try:
                subscription.on_state(state, error)
            except Exception:
                logger.exception("A change of state could not be handled")


def _new_id() -> str:
    return uuid.uuid4().hex


def _error_text(data: dict[str, Any] | None) -> str:
    error = (data or {}).get("error")
    return error if isinstance(error, str) else ""
