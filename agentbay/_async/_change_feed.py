"""What changes in a directory: pushed where the session has a WebSocket, else asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._async._file_changes import take_changes
from agentbay._transport.channel import ChannelState
from agentbay._transport.finishing import finish
from agentbay._wire.tools.files import GetFileChange
from agentbay.errors import AgentBayError
from agentbay.models.filesystem import FileChangeResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay._transport.channel import Channel, Subscription
    from agentbay.models.filesystem import FileChangeEvent

__all__ = ("ChangeFeed",)

logger = logging.getLogger("agentbay.files")

SUBSCRIBE_SECONDS = 15.0
GOODBYE_SECONDS = 5.0
ANSWER_SECONDS = 30.0
MAX_LOSSES = 3
"""Connections in a row that were lost before they had told anything; then there is only asking."""


class ChangeFeed:
    """The changes of one directory since the feed was started.

    Whenever the connection was lost, it subscribes again and asks for what changed meanwhile.
    """

    def __init__(self, session: AsyncSession, path: str) -> None:
        self._session = session
        self._path = path
        self._events: list[FileChangeEvent] = []
        self._news = anyio.Event()
        self._channel: Channel | None = None
        self._subscription: Subscription | None = None
        self._subscribed = False
        self._asked = False
        self._losses = 0

    def is_pushed(self) -> bool:
        """Whether changes arrive by themselves, and none was missed before they did."""
        return self._subscribed and self._asked

    async def start(self) -> FileChangeResult:
        """Begin now, and return the outcome of the first look, whose changes do not count."""
        result = await take_changes(self._session, self._path)
        if result.success:
            await self._open()
        return result

    async def ask(self) -> FileChangeResult:
        """Look for changes; those that were pushed come along."""
        if self._losses >= MAX_LOSSES:
            self._give_up()
        elif self._subscription is not None and not self._subscribed:
            await self._subscribe()
        self._asked = self._subscribed
        # An answer that nobody takes would take its changes along.
        result = await finish(self._take_changes, grace=ANSWER_SECONDS)
        return self._taken() if self._events else result

    async def _take_changes(self) -> FileChangeResult:
        result = await take_changes(self._session, self._path)
        self._events += result.events
        return result

    async def wait(self, seconds: float | None = None) -> FileChangeResult:
        """Wait for a push, or a reason to ask; at most so long."""
        with anyio.move_on_after(seconds):
            await self._news.wait()
        return self._taken()

    def _taken(self) -> FileChangeResult:
        events, self._events = self._events, []
        self._news = anyio.Event()
        return FileChangeResult("", True, events)

    async def close(self) -> None:
        """End the subscription. Idempotent."""
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._channel is None:
            return
        subscription.close()
        if self._subscribed:
            self._subscribed = False
            channel, message = self._channel, self._message("unsubscribe")
            try:
                with anyio.move_on_after(GOODBYE_SECONDS):
                    await finish(
                        lambda: channel.send(subscription.route, message), grace=GOODBYE_SECONDS
                    )
            except AgentBayError as exc:
                logger.debug("A subscription ends with its connection: %s", exc)

    def _message(self, verb: str) -> dict[str, Any]:
        return {"method": f"{verb}_file_change", "params": {"path": self._path}}

    async def _open(self) -> None:
        tools = self._session.mcp_tools
        server = next((tool.server for tool in tools if tool.name == GetFileChange.tool_name), "")
        if self._session.ws_url and self._session.token and server:
            self._channel = self._session._channel()
            subscription = self._channel.subscribe(server, self._on_push, self._on_state)
            self._subscription = subscription
            try:
                await self._subscribe()
            except BaseException:
                subscription.close()
                raise

    async def _subscribe(self) -> None:
        """Ask for pushes; without them, there is asking."""
        if self._channel is None or self._subscription is None:
            return
        try:
            stream = await self._channel.open_stream(
                self._subscription.route, self._message("subscribe"), timeout=SUBSCRIBE_SECONDS
            )
            while await stream.receive() is not None:
                pass
            self._subscribed = self._channel.state is ChannelState.OPEN
        except AgentBayError as exc:
            logger.debug("Changes are asked for, not pushed: %s", exc)
            self._losses += 1
            if self._channel.state is ChannelState.OPEN:
                self._give_up()  # the service does not offer it

    def _give_up(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    async def _on_push(self, data: dict[str, Any]) -> None:
        if data.get("eventType") == "file_change" and data.get("path") == self._path:
            self._losses = 0
            self._events += GetFileChange.read(data.get("events"))
            self._news.set()

    def _on_state(self, state: ChannelState, error: AgentBayError | None) -> None:  # noqa: ARG002
        if state is not ChannelState.OPEN:
            self._losses += self._subscribed
            self._subscribed = False
            self._news.set()
