"""Relay the messages of a WebSocket between two connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
from aiohttp import WSMsgType

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse, web

    _Socket = web.WebSocketResponse | ClientWebSocketResponse[bool]

__all__ = ("CLOSE_SECONDS", "join_sockets")

CLOSE_SECONDS = 5.0
"""How long one side may take to answer that the other has closed."""
_GOING_AWAY = 1001
_SERVER_FAILED = 1011
_PASSED_ON = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})
_CLOSE_CODES = range(1000, 5000)
_UNSENDABLE_CODES = frozenset({1004, 1005, 1006, 1015})


async def join_sockets(
    outer: web.WebSocketResponse, inner: ClientWebSocketResponse[bool], deadline: float
) -> None:
    """Pass messages both ways until one side has closed, and close the other like it.

    Raises:
        TimeoutError: The client did not take a message within *deadline* seconds.
    """
    directions = [
        asyncio.ensure_future(_pass_on(outer, inner, _GOING_AWAY, None)),
        asyncio.ensure_future(_pass_on(inner, outer, _SERVER_FAILED, deadline)),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(directions, timeout=2 * CLOSE_SECONDS)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.wait(directions)
    for direction in directions:
        if not direction.cancelled():
            direction.result()


async def _pass_on(
    source: _Socket, target: _Socket, lost_code: int, deadline: float | None
) -> None:
    """Pass on messages until *source* has closed, then close *target* in the same way.

    A source that went without a word becomes *lost_code*. *deadline* is the time in seconds that
    the target may take for one message.
    """
    while True:
        message = await source.receive()
        if message.type is WSMsgType.CLOSING:
            return  # closed by the other direction
        if message.type not in _PASSED_ON:
            break
        try:
            with anyio.fail_after(deadline):
                await _send(target, message.type, message.data)
        except ConnectionError:
            return  # the other direction finds out how *target* ended, and closes *source*
    if message.type is WSMsgType.CLOSE:
        code = _sendable(message.data)
        await target.close(code=code, message=(message.extra or "").encode())
        await source.close(code=code)
    else:
        await target.close(code=lost_code)


async def _send(target: _Socket, kind: WSMsgType, data: Any) -> None:
    if kind is WSMsgType.TEXT:
        await target.send_str(data)
    elif kind is WSMsgType.BINARY:
        await target.send_bytes(data)
    elif kind is WSMsgType.PING:
        await target.ping(data)
    else:
        await target.pong(data)


def _sendable(code: int | None) -> int:
    """Return a close code that may be sent; none, or one that only says so, becomes normal."""
    if code is None or code not in _CLOSE_CODES or code in _UNSENDABLE_CODES:
        return 1000
    return code
