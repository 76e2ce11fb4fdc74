"""Relay HTTP and WebSocket between a client of this machine and a server inside a session.

Bodies are streamed both ways, each side as fast as the other takes it. The token that lets a
client in is taken out of what goes on: it is none of the server's business.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    WSServerHandshakeError,
    web,
)

from agentbay._wire.envelope import Code, service_error
from agentbay.errors import ServiceError
from agentbay.local.admission import throttled
from agentbay.local.answers import error_answer
from agentbay.local.auth import check_origin, is_token
from agentbay.local.ids import new_request_id
from agentbay.local.port_connector import PortConnector
from agentbay.local.sandbox.base import SandboxError, WorkerError
from agentbay.local.socket_relay import CLOSE_SECONDS, join_sockets
from agentbay.local.states import ENDED, State
from agentbay.local.tasks import InFlight

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from agentbay.local.session import Session

    _Headers = list[tuple[str, str]]

__all__ = ("Relay", "admit")

logger = logging.getLogger(__name__)

MAX_REQUESTS = 512
"""Of one link at once, open WebSockets included."""
_COOKIE = "agentbay_link"
_TOKEN_HEADER = "X-Access-Token"  # noqa: S105 - the name of a header
_STALL_SECONDS = 120.0
_HEARTBEAT_SECONDS = 60.0
_BUFFER_BYTES = 256 * 1024
_MESSAGE_BYTES = 64 * 1024 * 1024
_RETRY_SECONDS = 5
_BUSY_SECONDS = 1.0
# Of one connection, not of the message; RFC 9110, section 7.6.1.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Answered or written anew here.
_OWN_OF_REQUEST = frozenset(
    {"expect", "host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
)
_OWN_OF_HANDSHAKE = frozenset(
    {
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
    }
)
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def admit(session: Session, *, has_token: bool) -> None:
    """Let a client of a link in while the session runs.

    Raises:
        ServiceError: The session has ended (404), the token is missing or wrong (401), or the
            session is paused (503).
    """
    if session.state in (State.DELETING, ENDED):
        raise service_error(
            Code.SESSION_NOT_FOUND, f"Session {session.id} has ended", http_status=404
        )
    if not has_token:
        raise service_error(
            Code.INVALID_TOKEN,
            "The link's token is missing or wrong. It is in the URL that GetLink returns; "
            f"browsers keep it as a cookie. The header {_TOKEN_HEADER} works as well.",
            http_status=401,
        )
    if session.state is not State.RUNNING:
        raise service_error(
            Code.WRONG_STATE,
            f"Session {session.id} is {session.state.value}; its links work while it is RUNNING",
            http_status=503,
            retry_after=_RETRY_SECONDS,
        )


class Relay:
    """Everything between the clients of one link and its port.

    Args:
        session: The session; it may end while the link is there.
        port: Where the server listens inside.
        token: What lets clients in, beside the session's own token.
    """

    def __init__(self, session: Session, port: int, token: str) -> None:
        self._session = session
        self._port = port
        self._token = token
        self._connector = PortConnector(session.sandbox, port)
        self._http = ClientSession(
            connector=self._connector,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),  # streams of events are silent for hours
            auto_decompress=False,
            skip_auto_headers=_NOT_ADDED,
            read_bufsize=_BUFFER_BYTES,
        )
        self._in_flight = InFlight()

    async def close(self) -> None:
        """Close the connections into the session."""
        await self._http.close()
        await self._connector.wait_closed()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of the link, by the server inside or for the lack of one."""
        request_id = new_request_id()
        try:
            headers = request.headers
            check_origin(headers.getall("Host", []), headers.getall("Origin", []))
            admit(self._session, has_token=any(map(self._is_token, _given_tokens(request))))
            if len(self._in_flight) >= MAX_REQUESTS:
                raise throttled(
                    f"The link has {MAX_REQUESTS} requests in progress already", _BUSY_SECONDS
                )
            # Whoever is shown something still needs the session.
            with self._in_flight, self._session.in_use():
                if _is_websocket(request):
                    return await self._relay_socket(request)
                return await self._relay_request(request)
        except ServiceError as exc:
            return error_answer(exc, request_id)
        except WorkerError as exc:
            return error_answer(self._unreachable(exc), request_id)
        except (ClientError, SandboxError) as exc:
            logger.debug("Link request %s failed: %s", request_id, type(exc).__name__)
            return error_answer(self._broken(), request_id)

    def _is_token(self, value: str) -> bool:
        return is_token(value, self._token) or is_token(value, self._session.token)

    async def _relay_request(self, request: web.Request) -> web.StreamResponse:
        body = _body_of(request) if request.can_read_body else None
        async with self._http.request(
            request.method,
            self._url(request),
            headers=self._request_headers(request),
            data=body,
            allow_redirects=False,
        ) as inner:
            headers = _without(inner.headers.items(), _connection_names(inner.headers))
            outer = web.StreamResponse(status=inner.status, reason=inner.reason)
            outer.headers.extend(headers)
            self._remember(request, outer)
            await outer.prepare(request)
            try:
                async for data in inner.content.iter_any():
                    with anyio.fail_after(_STALL_SECONDS):
                        await outer.write(data)
            except (ClientError, TimeoutError):
                _abort(request)  # the client must not take what it has for the whole
                return outer
        await outer.write_eof()
        return outer

    async def _relay_socket(self, request: web.Request) -> web.StreamResponse:
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        headers = _without(self._request_headers(request), _OWN_OF_HANDSHAKE)
        try:
            inner = await self._http.ws_connect(
                self._url(request),
                protocols=[name.strip() for name in offered.split(",") if name.strip()],
                headers=headers,
                autoclose=False,
                autoping=False,
                max_msg_size=_MESSAGE_BYTES,
            )
        except WSServerHandshakeError as exc:
            text = f"The server in the session refused the WebSocket: {exc.message}\n"
            status = exc.status if exc.status >= 400 else 502
            return web.Response(status=status, text=text)
        async with inner:
            outer = web.WebSocketResponse(
                protocols=[inner.protocol] if inner.protocol else [],
                autoclose=False,
                autoping=False,
                heartbeat=_HEARTBEAT_SECONDS,
                compress=False,
                max_msg_size=_MESSAGE_BYTES,
                timeout=CLOSE_SECONDS,
            )
            self._remember(request, outer)
            await outer.prepare(request)
            try:
                await join_sockets(outer, inner, _STALL_SECONDS)
            except TimeoutError:
                _abort(request)
        return outer

    def _url(self, request: web.Request) -> str:
        query = "&".join(self._without_token(request.rel_url.raw_query_string.split("&"), "token="))
        path = request.rel_url.raw_path
        # A URL object is sent as it is; a string would be quoted anew.
        kind = type(request.rel_url)
        url = f"http://127.0.0.1:{self._port}{path}{'?' if query else ''}{query}"
        return kind(url, encoded=True)  # type: ignore[return-value]  # see above

    def _without_token(self, pairs: Iterable[str], prefix: str) -> list[str]:
        return [
            pair
            for pair in pairs
            if not (pair.startswith(prefix) and self._is_token(pair[len(prefix) :]))
        ]

    def _request_headers(self, request: web.Request) -> _Headers:
        """Return what the server inside gets to see."""
        host = urlsplit(f"//{request.headers['Host'].split('://')[-1]}").netloc
        forwarded = [*request.headers.getall("X-Forwarded-For", []), request.remote or "unknown"]
        headers = [
            ("Host", host),
            ("X-Forwarded-For", ", ".join(forwarded)),
            ("X-Forwarded-Host", host),
            ("X-Forwarded-Proto", request.scheme),
        ]
        dropped = _connection_names(request.headers) | _OWN_OF_REQUEST
        for name, value in _without(request.headers.items(), dropped):
            kept = self._without_secret(name.lower(), value)
            if kept:
                headers.append((name, kept))
        return headers

    def _without_secret(self, name: str, value: str) -> str:
        if name == _TOKEN_HEADER.lower():
            return "" if self._is_token(value) else value
        if name == "cookie":
            pairs = (pair.strip() for pair in value.split(";"))
            return "; ".join(self._without_token(pairs, f"{_COOKIE}="))
        if name == "referer" and "?" in value:
            path, _, query = value.partition("?")
            rest = "&".join(self._without_token(query.split("&"), "token="))
            return f"{path}?{rest}" if rest else path
        return value

    def _remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Give a client that showed the token a cookie, for what its page loads next."""
        if _COOKIE not in request.cookies or not self._is_token(request.cookies[_COOKIE]):
            response.set_cookie(
                _COOKIE,
                self._token,
                httponly=True,
                samesite="Lax",
                secure=request.scheme == "https",
            )

    def _unreachable(self, exc: WorkerError) -> ServiceError:
        problem = "nothing listens on" if exc.code == "refused" else "no connection to"
        return service_error(
            Code.PORT_UNREACHABLE,
            f"In session {self._session.id} there is {problem} port {self._port}: {exc}. "
            "Start a server in the session that listens on 127.0.0.1, 0.0.0.0 or ::1.",
            http_status=502,
        )

    def _broken(self) -> ServiceError:
        return service_error(
            Code.PORT_UNREACHABLE,
            f"The server on port {self._port} of session {self._session.id} ended the connection "
            "without a proper answer",
            http_status=502,
        )


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _given_tokens(request: web.Request) -> list[str]:
    """Return all that may be a token; servers have parameters of that name of their own."""
    given = [*request.query.getall("token", []), *request.headers.getall(_TOKEN_HEADER, [])]
    cookie = request.cookies.get(_COOKIE)
    return given if cookie is None else [*given, cookie]


def _connection_names(headers: Mapping[str, str]) -> frozenset[str]:
    """Return the names, in lower case, of the headers that concern one connection only."""
    lines = [value for name, value in headers.items() if name.lower() == "connection"]
    return _HOP_BY_HOP | {name.strip().lower() for name in ",".join(lines).split(",")}


def _without(headers: Iterable[tuple[str, str]], names: frozenset[str]) -> _Headers:
    return [(name, value) for name, value in headers if name.lower() not in names]


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _body_of(request: web.Request) -> AsyncIterator[bytes]:
    while True:
        with anyio.fail_after(_STALL_SECONDS):
            data = await request.content.readany()
        if not data:
            return
        yield data
