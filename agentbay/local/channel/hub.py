"""The WebSockets of all sessions: who may connect, and what outlives a connection."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp import web
from attrs import define, field

from agentbay._wire.envelope import Code, service_error
from agentbay.local.auth import is_token
from agentbay.local.channel.connection import Connection
from agentbay.local.channel.registry import ChannelFailedError
from agentbay.local.relay import admit
from agentbay.local.session import Session
from agentbay.local.tasks import BackgroundTasks

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("TOKEN_HEADER", "ChannelHub", "SessionChannel")

TOKEN_HEADER = "X-Access-Token"  # noqa: S105 - the name of a header
MAX_CONNECTIONS = 32
"""Of one session at once."""
MAX_EXCHANGES = 512
"""Of one session at once, over all its connections."""
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_CLOSE_SECONDS = 2.0
_RETRY_SECONDS = 1.0


@define(eq=False)
class SessionChannel:
    """What belongs to a session and outlives the connections to it.

    Attributes:
        tasks: Owned by the runtime; they have to end when the sandbox does.
        kept: Room for what a target keeps per session, by its name.
    """

    session: Session
    tasks: BackgroundTasks
    kept: dict[str, Any] = field(factory=dict)
    connections: int = 0
    exchanges: int = 0

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """Count one more call or stream.

        Raises:
            ChannelFailedError: There are too many.
        """
        if self.exchanges >= MAX_EXCHANGES:
            raise ChannelFailedError(
                f"Session {self.session.id} has {MAX_EXCHANGES} calls and streams open already",
                "too_many",
            )
        self.exchanges += 1
        try:
            yield
        finally:
            self.exchanges -= 1


class ChannelHub:
    """Accepts the WebSocket connections to sessions."""

    def __init__(self) -> None:
        self._channels: dict[Session, SessionChannel] = {}
        self._tasks = BackgroundTasks()

    async def close(self) -> None:
        """End what belongs to the sessions, which have ended."""
        await self._tasks.cancel(_CLOSE_SECONDS)

    async def serve(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Serve one client until it leaves, the session ends, or the runtime stops.

        Raises:
            ServiceError: The client may not connect.
        """
        token = request.headers.get(TOKEN_HEADER) or request.query.get("token")
        admit(session, has_token=is_token(token, session.token))
        socket = web.WebSocketResponse(
            autoping=False,
            compress=False,
            max_msg_size=_MAX_MESSAGE_BYTES,
            timeout=_CLOSE_SECONDS,
        )
        if not socket.can_prepare(request):
            raise service_error(
                Code.INVALID_BODY, "This is the URL of a WebSocket", http_status=400
            )
        channel = self._channel(session)
        if channel.connections >= MAX_CONNECTIONS:
            raise service_error(
                Code.THROTTLED,
                f"Session {session.id} has {MAX_CONNECTIONS} WebSocket connections already",
                http_status=429,
                retry_after=_RETRY_SECONDS,
            )
        channel.connections += 1
        try:
            await socket.prepare(request)
            await Connection(channel, socket).serve()
        finally:
            channel.connections -= 1
        return socket

    def _channel(self, session: Session) -> SessionChannel:
        found = self._channels.get(session)
        if found is None:
            found = self._channels[session] = SessionChannel(session, self._tasks)
            self._tasks.spawn(self._forget(session), f"channel of {session.id}")
        return found

    async def _forget(self, session: Session) -> None:
        await session.ended.wait()
        del self._channels[session]
