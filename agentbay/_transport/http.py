"""HTTP with pooled connections, a deadline on everything, and only our own errors.

Connections belong to the event loop on which they were made. A client used from a second loop
gets a second pool; a forked child never touches its parent's sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import ssl
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from attrs import field, frozen
from yarl import URL

from agentbay._transport.deadline import Deadline
from agentbay._wire.envelope import service_error
from agentbay.errors import (
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    ProtocolError,
    RequestTimeoutError,
    TransportError,
)

if TYPE_CHECKING:
    from agentbay.config import Config, RetryPolicy
    from agentbay.errors import ServiceError

__all__ = ("HttpPool", "HttpResponse")

# Shorter than what servers commonly keep (60 s and more), so that an idle connection is
# dropped here before the other side drops it under a request that must not be repeated.
KEEPALIVE_SECONDS = 15.0

CLOSED = "This client was closed; make a new one to go on"

LARGE_BODY_BYTES = 256 * 1024
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message of a WebSocket that is accepted."""
WS_CLOSE_SECONDS = 1.0
"""How long the other side may take to agree to the end of a WebSocket."""

# What may wait to be read of a body that is a stream.
STREAM_BUFFER_BYTES = 1024 * 1024

_inherited: list[object] = []
"""Pools that came with a fork: kept, so that nothing ever closes the parent's sockets."""


@frozen
class HttpResponse:
    """One complete answer.

    Attributes:
        status: HTTP status.
        headers: Header fields; look-up ignores case.
        body: The whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode("utf-8", "replace")


class _SentOnceError(aiohttp.ClientError):
    """A connection broke, in the way that *why* says."""

    def __init__(self, why: aiohttp.ClientError) -> None:
        super().__init__(why)
        self.why = why


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET or PUT again, which it does whatever that would do.

    A tool is called by GET on one route, and a body that is a stream is used up by then. Whether
    something is sent again is decided where it is known what it does.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise _SentOnceError(exc) from exc


class _Connector(aiohttp.TCPConnector):
    """A connector that is silent when it is dropped.

    Its loop closes it (see ``_close_with_loop``). Where that was impossible, because the loop
    is gone, there is nothing left to do, and nothing to tell the user.
    """

    def __del__(self, *_: object) -> None:
        pass


async def _close_with_loop(connector: aiohttp.BaseConnector) -> AsyncGenerator[None, None]:
    """Close *connector* when the loop shuts its asynchronous generators down.

    ``asyncio.run`` and its relatives do so as their last act. A generator dropped earlier is
    finalised by the loop as well, so a forgotten client closes its connections, too.
    """
    try:
        yield
    finally:
        await connector.close()


class HttpPool:
    """Connections for one client, one set per event loop.

    Args:
        network: Proxy, certificates and connector, as configured.
    """

    def __init__(self, network: Config) -> None:
        self._network = network
        self._pid = os.getpid()
        self._closed = False
        self._by_loop: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[aiohttp.BaseConnector, AsyncGenerator[None, None]]
        ] = weakref.WeakKeyDictionary()
        self._ssl: ssl.SSLContext | bool | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        connect_timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> HttpResponse:
        """Send one request and return its complete answer.

        Args:
            method: HTTP method.
            url: Absolute URL.
            deadline: When the whole exchange must have ended.
            connect_timeout: Seconds for making a connection; by default the deadline alone.
            headers: Header fields to add.
            query: Parameters for the query string.
            body: The body; its type belongs into the headers.

        Raises:
            ClientClosedError: the pool was closed.
            ConnectError: no connection could be made.
            RequestTimeoutError: the deadline passed.
            TransportError: the connection broke, or the answer was incomplete.
            ConfigurationError: the URL or a certificate file is unusable.
        """
        timeout = aiohttp.ClientTimeout(
            total=deadline.remaining() or 0.001, sock_connect=connect_timeout
        )
        with self._translated(url, deadline):
            async with (
                self._session(timeout) as session,
                session.request(
                    method,
                    url,
                    headers=headers,
                    params=query,
                    data=_payload(body),
                    proxy=self._network.proxy,
                ) as response,
            ):
                return HttpResponse(response.status, response.headers, await response.read())

    @property
    def retry(self) -> RetryPolicy:
        """How often what failed is sent again; the pool itself sends everything once."""
        return self._network.retry

    @contextlib.asynccontextmanager
    async def exchange(
        self,
        method: str,
        url: str,
        *,
        idle: float,
        headers: Mapping[str, str] | None = None,
        body: AsyncIterator[bytes] | None = None,
        follow_redirects: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request whose bodies are streams; yield the answer before its body is read.

        Nothing is added to what the caller says: no key, no type, no compression. There is no
        deadline but the one for making a connection; the caller has to see that it goes on.

        Args:
            method: HTTP method.
            url: Absolute URL.
            idle: Seconds for making a connection.
            headers: Header fields; the length of a body belongs there.
            body: The body.
            follow_redirects: Go where the answer says; without a body only.

        Raises:
            The same as :meth:`request`, also for errors within the block.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=idle)
        with self._translated(url, Deadline.after(idle)):
            async with (
                self._session(timeout) as session,
                session.request(
                    method,
                    _as_signed(url),
                    headers={"Accept-Encoding": "identity", **(headers or {})},
                    skip_auto_headers=("Content-Type",),
                    data=body,
                    proxy=self._network.proxy,
                    allow_redirects=follow_redirects,
                    auto_decompress=False,
                    read_bufsize=STREAM_BUFFER_BYTES,
                ) as response,
            ):
                yield response

    @contextlib.asynccontextmanager
    async def websocket(
        self, url: str, *, headers: Mapping[str, str], deadline: Deadline
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse[bool]]:
        """Hold a WebSocket connection; pings and pongs are the caller's business.

        Args:
            url: Absolute URL, with the scheme ``ws`` or ``wss``.
            headers: Header fields of the handshake.
            deadline: When it must have been made.

        Raises:
            ServiceError: the server refused it; the class says why.
            ClientClosedError: the pool was closed.
            TransportError: no connection could be made.
            ConfigurationError: the URL or a certificate file is unusable.
        """
        timeout = aiohttp.ClientTimeout(total=deadline.remaining() or 0.001)
        async with self._session(timeout) as session:
            with self._translated(url, deadline):
                try:
                    socket = await session.ws_connect(
                        url,
                        headers=headers,
                        proxy=self._network.proxy,
                        autoping=False,
                        max_msg_size=MAX_MESSAGE_BYTES,
                        timeout=aiohttp.ClientWSTimeout(ws_close=WS_CLOSE_SECONDS),
                    )
                except aiohttp.WSServerHandshakeError as exc:
                    raise _rejection(url, exc.status) from exc
            try:
                yield socket
            finally:
                await socket.close()

    @contextlib.contextmanager
    def _translated(self, url: str, deadline: Deadline) -> Iterator[None]:
        """Translate errors; what fails because the pool was closed is no fault of the network."""
        if self._closed:
            raise ClientClosedError(CLOSED)
        try:
            with translated(url, deadline):
                yield
        except TransportError as exc:
            if self._closed:
                raise ClientClosedError(CLOSED) from exc
            raise

    @contextlib.asynccontextmanager
    async def _session(
        self, timeout: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientSession]:
        # The connector is what is worth keeping. A session is a few attributes around it, and
        # one that lives only for its request can never be left unclosed.
        async with aiohttp.ClientSession(
            connector=await self._connector(),
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._network.trust_env,
            timeout=timeout,
            middlewares=(_send_once,),
        ) as session:
            yield session

    async def _connector(self) -> aiohttp.BaseConnector:
        if self._network.connector is not None:
            connector: aiohttp.BaseConnector = self._network.connector
            return connector
        self._forget_dead_pools()
        loop = asyncio.get_running_loop()
        known = self._by_loop.get(loop)
        if known is not None and not known[0].closed:
            return known[0]
        # limit=0: a fan-out is bounded by its caller; here it would only hide the waiting.
        connector = _Connector(
            limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=self._ssl_context()
        )
        guard = _close_with_loop(connector)
        self._by_loop[loop] = (connector, guard)
        await anext(guard)
        return connector

    def _forget_dead_pools(self) -> None:
        if self._pid != os.getpid():
            _inherited.append(self._by_loop)
            self._by_loop = weakref.WeakKeyDictionary()
            self._pid = os.getpid()
        for loop in [loop for loop in list(self._by_loop) if loop.is_closed()]:
            self._by_loop.pop(loop, None)

    def _ssl_context(self) -> ssl.SSLContext | bool:
        if self._ssl is None:
            self._ssl = self._make_ssl_context()
        return self._ssl

    def _make_ssl_context(self) -> ssl.SSLContext | bool:
        if not self._network.verify:
            return False
        if self._network.ca_file is None:
            return True
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(self._network.ca_file)
        except OSError as exc:  # ssl.SSLError is one
            raise ConfigurationError(
                f"The certificate file {os.fspath(self._network.ca_file)!r} (Config.ca_file) "
                f"cannot be loaded: {exc}. It must be readable and in PEM format."
            ) from exc
        return context

    async def close(self) -> None:
        """Close the pool for good; closing it again does nothing.

        Connections of other loops are closed when those loops end.
        """
        self._closed = True
        self._forget_dead_pools()
        known = self._by_loop.pop(asyncio.get_running_loop(), None)
        if known is not None:
            await known[1].aclose()


@contextlib.contextmanager
def translated(url: str, deadline: Deadline) -> Any:
    """Turn every error of aiohttp into one of ours; the only place that does."""
    where = _origin(url)
    try:
        with _unpacked():
            yield
    except asyncio.TimeoutError as exc:  # aiohttp's timeouts derive from it
        raise RequestTimeoutError(
            f"No complete answer from {where} within {deadline.seconds:g} s. "
            "Raise the timeout (Config.timeout_ms), or check the network.",
            retryable=isinstance(exc, aiohttp.ConnectionTimeoutError),
        ) from exc
    except aiohttp.InvalidURL as exc:
        raise ConfigurationError(f"The URL {where!r} is not valid") from exc
    except aiohttp.ClientConnectorDNSError as exc:
        raise ConnectError(
            f"The host name of {where} cannot be resolved ({exc.os_error.strerror}). "
            "Check the endpoint or region for typing errors, and the network.",
            retryable=True,
        ) from exc
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as exc:
        raise ConnectError(
            f"The TLS handshake with {where} failed: {_tls_reason(exc)}. For a private "
            "certificate authority set Config(ca_file=...); for plain HTTP use http://.",
            retryable=True,
        ) from exc
    except aiohttp.ClientConnectorError as exc:
        raise ConnectError(
            f"No connection to {where}: {exc.os_error.strerror or exc.os_error}. "
            "Check that the service runs there and that the endpoint is right.",
            retryable=True,
        ) from exc
    except aiohttp.ServerDisconnectedError as exc:
        raise TransportError(f"{where} closed the connection without an answer") from exc
    except aiohttp.ClientPayloadError as exc:
        raise TransportError(f"The answer of {where} broke off before its end: {exc}") from exc
    except aiohttp.ClientResponseError as exc:
        raise ProtocolError(
            f"{where} did not answer in valid HTTP: {exc.message.splitlines()[0]}"
        ) from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise TransportError(f"The connection to {where} failed: {exc}") from exc


@contextlib.contextmanager
def _unpacked() -> Iterator[None]:
    try:
        yield
    except _SentOnceError as exc:
        raise exc.why from None


def _rejection(url: str, status: int) -> ServiceError:
    # Without the query, which may carry a secret.
    error = service_error("", "", http_status=status)
    place = f"{_origin(url)}{urlsplit(url).path}"
    error.args = (f"WS connection rejected: HTTP {status}; url={place}",)
    return error


def _as_signed(url: str) -> URL | str:
    """Keep a URL from being written in another way, which would break its signature."""
    try:
        return URL(url, encoded=True) if url.isascii() and " " not in url else url
    except ValueError:
        return url  # refused where URLs are opened, with the reason


def _payload(body: bytes) -> bytes | io.BytesIO:
    # aiohttp writes bytes in one go; a file is written in pieces, between which others run.
    return body if len(body) <= LARGE_BODY_BYTES else io.BytesIO(body)


def _tls_reason(error: Exception) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause)


def _origin(url: str) -> str:
    """Return scheme, host and port: paths and queries may carry secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
