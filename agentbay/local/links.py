"""Links to ports: each port of each session that is asked for gets an address of its own.

A link listens on a loopback address that nothing else uses, such as ``127.83.12.9``. To a
browser that is a site of its own: pages may use absolute paths and cookies as they like, and
the page of one session can neither read that of another nor use its cookies, nor the runtime's.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
from typing import TYPE_CHECKING

import anyio.to_thread
from aiohttp import web
from attrs import define, field

from agentbay._wire.envelope import Code, service_error
from agentbay.local.ids import new_token
from agentbay.local.relay import Relay
from agentbay.local.session import Session
from agentbay.local.states import ENDED

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from aiohttp.typedefs import Middleware

    from agentbay.local.faults import Injector
    from agentbay.local.tls import Authority

__all__ = ("Links", "PortLink")

_BACKLOG = 128
_ATTEMPTS = 10
_CLOSE_SECONDS = 0.25
# A link of a session that has ended goes on to say so, until there are more than these.
_MOST_ENDED = 64


@define(eq=False)
class PortLink:
    """One port of one session, as seen from outside."""

    session: Session
    port: int
    token: str = field(repr=False)
    authority: str
    listener: socket.socket
    relay: Relay
    runner: web.AppRunner

    async def close(self) -> None:
        """Stop to listen and end what is being relayed."""
        try:
            await self.runner.cleanup()
        finally:
            self.listener.close()
            await self.relay.close()


class Links:
    """The links of a runtime, made when they are first asked for."""

    def __init__(self, authority: Authority | None, injector: Injector | None = None) -> None:
        self._authority = authority
        self._injector = injector
        self._links: dict[tuple[str, int], PortLink] = {}
        self._making = asyncio.Lock()
        self._closed = False

    def __len__(self) -> int:
        return len(self._links)

    async def url(self, session: Session, port: int, *, websocket: bool) -> str:
        """Return the URL of *port*, with the token in it.

        Raises:
            ServiceError: The runtime is stopping, or has no address left.
        """
        async with self._making:
            link = self._links.get((session.id, port))
            if link is None:
                if self._closed:
                    raise service_error(
                        Code.UNAVAILABLE, "The local runtime is stopping", http_status=503
                    )
                await self._close_ended()
                link = await self._make(session, port)
                self._links[session.id, port] = link
        scheme = "ws" if websocket else "http"
        secure = "" if self._authority is None else "s"
        return f"{scheme}{secure}://{link.authority}/?token={link.token}"

    async def _make(self, session: Session, port: int) -> PortLink:
        listener = _listen()
        try:
            host, number = listener.getsockname()
            tls: ssl.SSLContext | None = None
            if self._authority is not None:
                tls = await anyio.to_thread.run_sync(self._authority.context, host)
        except BaseException:
            listener.close()
            raise
        token = new_token()
        relay = Relay(session, port, token)
        injected = [] if self._injector is None else [self._injector.middleware(session.id)]
        runner = _runner(relay, injected)
        link = PortLink(session, port, token, f"{host}:{number}", listener, relay, runner)
        try:
            await link.runner.setup()
            await web.SockSite(link.runner, listener, ssl_context=tls, backlog=_BACKLOG).start()
        except BaseException:
            await link.close()
            raise
        return link

    async def _close_ended(self) -> None:
        ended = [key for key, link in self._links.items() if link.session.state is ENDED]
        for key in ended[: max(len(ended) - _MOST_ENDED, 0)]:
            await self._links.pop(key).close()

    async def close(self) -> None:
        """Close all links; none is made afterwards."""
        self._closed = True
        async with self._making:
            links = list(self._links.values())
            self._links.clear()
            results = await asyncio.gather(
                *(link.close() for link in links), return_exceptions=True
            )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def abandon(self) -> None:
        """Close a forked child's copies of the listening sockets."""
        for link in self._links.values():
            link.listener.close()


def _runner(relay: Relay, middlewares: Sequence[Middleware]) -> web.AppRunner:
    application = web.Application(middlewares=middlewares)
    application.router.add_route("*", "/{path:.*}", relay.handle)
    return web.AppRunner(
        application,
        access_log=None,  # it would show the tokens
        auto_decompress=False,
        handler_cancellation=True,  # the connection into the session ends with the client's
        shutdown_timeout=_CLOSE_SECONDS,
    )


def _listen() -> socket.socket:
    """Return a socket that listens on a loopback address of its own.

    Raises:
        ServiceError: None could be had.
    """
    for _ in range(_ATTEMPTS):
        low = secrets.randbelow(2**16)
        host = f"127.{1 + secrets.randbelow(254)}.{low >> 8}.{1 + low % 254}"
        try:
            return socket.create_server((host, 0), backlog=_BACKLOG)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise service_error(
                    Code.INTERNAL, f"No address for a link: {exc.strerror}", http_status=500
                ) from exc
    raise service_error(Code.INTERNAL, "No address is free for a link", http_status=500)
