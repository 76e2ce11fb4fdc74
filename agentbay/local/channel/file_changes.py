"""Pushes of file changes: whoever has subscribed to a path is told what changes there.

A change that was sent on a connection that broke may not have arrived. So when a client goes
without a word, what it was told lately is put back, and told again by the next answer of the tool
``get_file_change`` or the next push: twice perhaps, but never not at all.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._wire.tools.files import GetFileChange
from agentbay.local.channel.registry import ChannelFailedError, Exchange, Kind, serves
from agentbay.local.states import State
from agentbay.local.tools.changes import settle_changes, take_changes
from agentbay.local.tools.registry import ToolFailedError

if TYPE_CHECKING:
    from agentbay.local.channel.connection import Connection
    from agentbay.local.channel.hub import SessionChannel
    from agentbay.local.tools.registry import Workplace
    from agentbay.models.filesystem import FileChangeEvent

TARGET = GetFileChange.server
LOOK_SECONDS = 0.2
MAX_SUBSCRIBED = 32
"""Paths of one session at once; the worker can remember more."""
_EVENTS_IN_PUSH = 100

logger = logging.getLogger(__name__)


class _Subscribed:
    """One path of a session, and how often each connection has subscribed to it."""

    def __init__(self, channel: SessionChannel, place: Workplace, path: str) -> None:
        self._channel = channel
        self._place = place
        self._path = path
        self._turn = anyio.Lock()
        self._has_lost = False
        self.listeners: dict[Connection, int] = {}

    def add(self, connection: Connection) -> None:
        if connection not in self.listeners:
            connection.on_close.append(partial(self._lose, connection))
        self.listeners[connection] = self.listeners.get(connection, 0) + 1

    def remove(self, connection: Connection) -> None:
        left = self.listeners.pop(connection, 0) - 1
        if left > 0:
            self.listeners[connection] = left

    async def run(self, known: dict[str, _Subscribed]) -> None:
        """Look and tell until nobody listens or the session ends; then be unknown."""
        ended = self._channel.session.ended
        while self.listeners and not ended.is_set():
            with anyio.move_on_after(LOOK_SECONDS):
                await ended.wait()
            await self.look()
            if not self.listeners:
                # Who subscribes meanwhile finds this one: another would have its changes settled.
                async with self._turn:
                    await self._settle()
        del known[self._path]

    async def look(self) -> None:
        """Tell all listeners what has changed; what cannot be looked at has no changes."""
        async with self._turn:
            if self._channel.session.state is not State.RUNNING:
                return
            if self._has_lost:
                await self._settle()
            if not self.listeners:
                return
            try:
                events = await take_changes(self._place, self._path, keep=True)
            except ToolFailedError as exc:
                logger.debug("Session %s: %s", self._channel.session.id, exc.text)
                return
            self._has_lost = self._has_lost or not self.listeners  # they left meanwhile
            for start in range(0, len(events), _EVENTS_IN_PUSH):
                await self._tell(events[start : start + _EVENTS_IN_PUSH])

    async def _tell(self, events: list[FileChangeEvent]) -> None:
        data: dict[str, Any] = {
            "eventType": "file_change",
            "path": self._path,
            "events": [event.to_dict() for event in events],
        }
        for connection in list(self.listeners):
            with contextlib.suppress(ConnectionError):  # it is lost below
                await connection.push(TARGET, data)

    def _lose(self, connection: Connection) -> None:
        if self.listeners.pop(connection, 0):
            self._has_lost = True

    async def _settle(self) -> None:
        """Let what a lost connection was told be told again; otherwise it has been heard."""
        put_back, self._has_lost = self._has_lost, False
        if not self._channel.session.ended.is_set():
            with contextlib.suppress(ToolFailedError):  # the session ends just now
                await settle_changes(self._place, self._path, put_back=put_back)


def _subscribed(exchange: Exchange) -> dict[str, _Subscribed]:
    found: dict[str, _Subscribed] = exchange.channel.kept.setdefault(TARGET, {})
    return found


def _path(exchange: Exchange) -> str:
    path = exchange.params.get("path")
    if not isinstance(path, str) or not path:
        raise ChannelFailedError("path: a non-empty string is required", "invalid_argument")
    return path


@serves(TARGET, "subscribe_file_change", Kind.STREAM)
async def subscribe(exchange: Exchange) -> None:
    """Push changes of a path to this connection, from the end of this stream on."""
    path, known = _path(exchange), _subscribed(exchange)
    found = known.get(path)
    if found is None:
        if len(known) >= MAX_SUBSCRIBED:
            raise ChannelFailedError(f"{MAX_SUBSCRIBED} paths are subscribed already", "too_many")
        found = known[path] = _Subscribed(exchange.channel, exchange.place, path)
        found.add(exchange.connection)
        exchange.channel.tasks.spawn(found.run(known), f"changes of {exchange.session.id}")
    else:
        found.add(exchange.connection)
    # If nobody has asked for this path before, this is where its changes begin.
    await found.look()


@serves(TARGET, "unsubscribe_file_change", Kind.MESSAGE)
async def unsubscribe(exchange: Exchange) -> None:
    """Push no more changes of a path to this connection."""
    found = _subscribed(exchange).get(_path(exchange))
    if found is not None:
        found.remove(exchange.connection)
