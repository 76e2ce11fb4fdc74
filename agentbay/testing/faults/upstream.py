"""The way on from a proxy to the service behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    WSServerHandshakeError,
    web,
)
from yarl import URL

from agentbay.local.socket_relay import CLOSE_SECONDS, join_sockets
from agentbay.testing.faults.exchange import reset

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Set

    from agentbay.testing.faults.rewriting import Rewriter

__all__ = ("Upstream",)

_MESSAGE_BYTES = 64 * 1024 * 1024
_STALL_SECONDS = 120.0
_PIECE_BYTES = 64 * 1024
# Of one connection, or written anew for the next one.
_OWN = frozenset(
    {
        "connection",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OF_HANDSHAKE = frozenset(
    {
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
    }
)
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Upstream:
    """The service, as the proxy's own client sees it.

    Args:
        url: The service's URL.
        rewriter: What is done to its replies.
        tls: How its certificate is verified.
    """

    def __init__(self, url: str, rewriter: Rewriter, tls: ssl.SSLContext | bool) -> None:
        self._url = URL(url)
        self._rewriter = rewriter
        self._http = ClientSession(
            # A connection that is used again may break without the plan having said so.
            connector=TCPConnector(limit=0, force_close=True, ssl=tls),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=_NOT_ADDED,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Answer *request* as the service does; a connection that breaks there breaks here."""
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._relay_socket(request)
            return await self._relay_request(request)
        except (ClientError, asyncio.TimeoutError):
            reset(request.transport)
            return web.Response()

    async def _relay_request(self, request: web.Request) -> web.StreamResponse:
        action = request.method == "POST" and request.path == "/"
        headers = _without(request.headers.items(), _OWN)
        if action:  # its reply is read here
            headers = [*_without(headers, {"accept-encoding"}), ("Accept-Encoding", "identity")]
        body = None
        if request.can_read_body or request.body_exists:
            # What a rule looked at has been read already.
            body = await request.read() if request.method == "POST" else request.content
        async with self._http.request(
            request.method, self._target(request), headers=headers, data=body, allow_redirects=False
        ) as inner:
            if action:
                return await self._reply(inner)
            return await _stream(request, inner)

    async def _reply(self, inner: ClientResponse) -> web.Response:
        body = self._rewriter.rewritten(await inner.read())
        outer = web.Response(status=inner.status, reason=inner.reason, body=body)
        outer.headers.popall("Content-Type", None)
        outer.headers.extend(_without(inner.headers.items(), _OWN | {"content-length"}))
        return outer

    async def _relay_socket(self, request: web.Request) -> web.StreamResponse:
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = [name.strip() for name in offered.split(",") if name.strip()]
        try:
            inner = await self._http.ws_connect(
                self._target(request),
                headers=_without(request.headers.items(), _OWN | _OF_HANDSHAKE),
                protocols=protocols,
                autoclose=False,
                autoping=False,
                max_msg_size=_MESSAGE_BYTES,
            )
        except WSServerHandshakeError as exc:
            return web.Response(status=exc.status if exc.status >= 400 else 502, text=exc.message)
        async with inner:
            outer = web.WebSocketResponse(
                protocols=[inner.protocol] if inner.protocol else [],
                autoclose=False,
                autoping=False,
                compress=False,
                max_msg_size=_MESSAGE_BYTES,
                timeout=CLOSE_SECONDS,
            )
            await outer.prepare(request)
            await join_sockets(outer, inner, _STALL_SECONDS)
        return outer

    def _target(self, request: web.Request) -> URL:
        # As it came: anything else would break signatures.
        path = request.rel_url.raw_path_qs
        return URL(f"{self._url.origin()}{path}", encoded=True)


async def _stream(request: web.Request, inner: ClientResponse) -> web.StreamResponse:
    outer = web.StreamResponse(status=inner.status, reason=inner.reason)
    outer.headers.extend(_without(inner.headers.items(), _OWN))
    await outer.prepare(request)
    async for data in inner.content.iter_chunked(_PIECE_BYTES):
        await outer.write(data)
    await outer.write_eof()
    return outer


def _without(headers: Iterable[tuple[str, str]], names: Set[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in names]
