"""The channels of a client: one per session and event loop."""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import TYPE_CHECKING

from agentbay._transport.channel import Channel
from agentbay.errors import ClientClosedError

if TYPE_CHECKING:
    from agentbay._transport.connection import Heartbeat
    from agentbay._transport.http import HttpPool

__all__ = ("ChannelPool",)

_inherited: list[object] = []
"""Channels that came with a fork: kept, so that nothing ever closes the parent's sockets."""


class ChannelPool:
    """Finds or makes the channel of a session.

    Their tasks end with their event loop, so a client that is never closed leaves none behind.

    Args:
        http: Makes the connections.
        heartbeat: The rhythm of all of them.
    """

    def __init__(self, http: HttpPool, heartbeat: Heartbeat | None = None) -> None:
        self._http = http
        self._heartbeat = heartbeat
        self._pid = os.getpid()
        self._closed = False
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Channel]] = (
            weakref.WeakKeyDictionary()
        )

    def channel(self, session_id: str, url: str, token: str) -> Channel:
        """Return the channel of a session on the running loop; it is opened by its first use.

        Raises:
            ClientClosedError: the client was closed.
        """
        if self._closed:
            raise ClientClosedError("This client was closed; make a new one to go on")
        channels = self._of_this_loop()
        if session_id not in channels:
            channels[session_id] = Channel(self._http, url, token, self._heartbeat)
        return channels[session_id]

    def _of_this_loop(self) -> dict[str, Channel]:
        if self._pid != os.getpid():
            _inherited.append(self._by_loop)
            self._by_loop = weakref.WeakKeyDictionary()
            self._pid = os.getpid()
        # A channel refers to its loop, which would therefore never be forgotten by itself.
        for loop in [loop for loop in list(self._by_loop) if loop.is_closed()]:
            self._by_loop.pop(loop, None)
        return self._by_loop.setdefault(asyncio.get_running_loop(), {})

    async def close_session(self, session_id: str) -> None:
        """Close the channel of a session, if there is one."""
        channel = self._of_this_loop().pop(session_id, None)
        if channel is not None:
            await channel.close()

    async def close(self) -> None:
        """Close all for good; those of other loops end with these. Idempotent."""
        self._closed = True
        channels = self._of_this_loop()
        while channels:
            await channels.popitem()[1].close()
