"""Notices of a session's browser, on the session's WebSocket."""

from __future__ import annotations

import contextlib
import inspect
import logging
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._wire.tools.browser import BROWSER_SERVER
from agentbay.models.browser_notices import BrowserNotifyMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from agentbay._async.session import AsyncSession
    from agentbay._transport.channel import Subscription

    Callback = Callable[[BrowserNotifyMessage], Awaitable[None] | None]

logger = logging.getLogger("agentbay.browser")

MOST_WAITING = 100
"""Notices that may wait for a callback before the connection is no longer read."""


class Notices:
    """Tells one callback of the notices, and sends others.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._subscription: Subscription | None = None
        self._inbox: MemoryObjectSendStream[dict[str, Any]] | None = None

    async def listen(self, callback: Callback) -> None:
        """Have *callback* called with each notice, one after the other, instead of any earlier one.

        Raises:
            AgentBayError: there is no connection.
        """
        channel = self._session._channel()
        # A callback may wait for a human, and the connection has other things to bring meanwhile.
        inbox, outbox = anyio.create_memory_object_stream[dict[str, Any]](MOST_WAITING)

        async def put(data: dict[str, Any]) -> None:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await inbox.send(data)

        def close(_: object) -> None:
            inbox.close()
            outbox.close()

        # Before it is opened, so that nothing is missed.
        subscription = channel.subscribe(BROWSER_SERVER, put)
        try:
            await channel.open()
        except BaseException:
            subscription.close()
            close(None)
            raise
        self.stop()
        self._subscription, self._inbox = subscription, inbox
        task = channel.spawn(self._deliver(subscription, outbox, callback))
        task.add_done_callback(close)

    def stop(self) -> None:
        """Tell nobody any longer. The connection stays, for whatever else uses it."""
        if self._subscription is not None and self._inbox is not None:
            self._subscription.close()
            self._inbox.close()  # which ends the task that tells
            self._subscription = self._inbox = None

    async def send(self, notice: BrowserNotifyMessage) -> None:
        """Send a notice.

        Raises:
            AgentBayError: there is no connection.
        """
        await self._session._channel().send(BROWSER_SERVER, notice.to_dict())

    async def _deliver(
        self,
        subscription: Subscription,
        notices: MemoryObjectReceiveStream[dict[str, Any]],
        callback: Callback,
    ) -> None:
        async for data in notices:
            if self._subscription is not subscription:
                return
            try:
                answer = callback(BrowserNotifyMessage.from_dict(data))
                if inspect.isawaitable(answer):
                    await answer
            except Exception:
                logger.exception("The callback for the browser's notices failed")
