"""A proxy in front of any service, which passes everything on but for the faults of a plan."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

from aiohttp import web

from agentbay.local.listening import stop_accepting
from agentbay.testing.faults.exchange import reset
from agentbay.testing.faults.injector import PlanInjector
from agentbay.testing.faults.plan import FaultPlan
from agentbay.testing.faults.rewriting import Rewriter
from agentbay.testing.faults.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

__all__ = ("FaultProxy",)

_HOST = "127.0.0.1"
_BACKLOG = 512
_MAX_BODY_BYTES = 64 * 1024 * 1024
_CLOSE_SECONDS = 1.0


class FaultProxy:
    """The proxy; an asynchronous context manager that listens while it is entered.

    ::

        plan = FaultPlan([FaultRule(Truncated(), name="shell", times=1)])
        async with FaultProxy(runtime.endpoint, plan) as proxy:
            bay = AsyncAgentBay(runtime.api_key, Config(endpoint=proxy.endpoint))
            ...

    It speaks plain HTTP, whatever the service speaks. The addresses in the service's replies
    become its own where they have the service's host and port, so that tools, WebSockets and
    files pass through it as well; links to ports have addresses of their own and do not.

    Args:
        upstream: The service's URL.
        plan: What goes wrong; nothing by default.
        ca_file: The certificate by which the service is known, if that is a private one.
    """

    def __init__(
        self, upstream: str, plan: FaultPlan | None = None, *, ca_file: Path | str | None = None
    ) -> None:
        self._upstream_url = upstream
        self._ca_file = ca_file
        self.plan = plan if plan is not None else FaultPlan()
        self.plan.check("proxy")
        self._address: tuple[str, int] = (_HOST, 0)
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None
        self._listener: socket.socket | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._undo = contextlib.AsyncExitStack()

    @property
    def endpoint(self) -> str:
        """The proxy's URL."""
        host, port = self._address
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            # Bound and never listening, it keeps the port while connections are refused.
            self._address = stack.enter_context(_bound((_HOST, 0))).getsockname()
            rewriter = Rewriter(self._upstream_url, f"{_HOST}:{self._address[1]}")
            upstream = Upstream(self._upstream_url, rewriter, self._tls())
            stack.push_async_callback(upstream.close)
            injector = PlanInjector(self.plan, refuse=self._refuse_for)
            application = web.Application(
                client_max_size=_MAX_BODY_BYTES, middlewares=[injector.middleware()]
            )
            application.router.add_route("*", "/{path:(?s:.*)}", upstream.forward)
            self._runner = web.AppRunner(
                application,
                access_log=None,
                auto_decompress=False,
                handler_cancellation=True,  # the connection to the service ends with the client's
                shutdown_timeout=_CLOSE_SECONDS,
            )
            await self._runner.setup()
            stack.push_async_callback(self._runner.cleanup)
            stack.callback(injector.close)
            stack.push_async_callback(self._close)
            await self.accept()
            self._undo = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._undo.aclose()

    def _tls(self) -> ssl.SSLContext | bool:
        return True if self._ca_file is None else ssl.create_default_context(cafile=self._ca_file)

    async def _close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        await self.refuse()

    @contextlib.asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """Refuse connections within the block; those that are open are reset."""
        await self.refuse()
        try:
            yield
        finally:
            await self.accept()

    async def refuse(self) -> None:
        """Refuse connections from now on; those that are open are reset. Idempotent."""
        site, listener = self._site, self._listener
        if site is not None and listener is not None:
            self._site = self._listener = None
            await stop_accepting(listener, [site])
            listener.close()
        self.reset_connections()

    async def accept(self) -> None:
        """Take connections again. Idempotent."""
        if self._site is None and self._runner is not None:
            self._listener = _bound(self._address)
            self._site = web.SockSite(self._runner, self._listener, backlog=_BACKLOG)
            await self._site.start()

    def reset_connections(self) -> None:
        """Reset all connections that are open; new ones are taken."""
        if self._runner is not None and self._runner.server is not None:
            for connection in self._runner.server.connections:
                reset(connection.transport)

    async def _refuse_for(self, seconds: float) -> None:
        await self.refuse()
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = asyncio.create_task(self._accept_after(seconds), name="fault-proxy")

    async def _accept_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.accept()


def _bound(address: tuple[str, int]) -> socket.socket:
    """Return a socket at *address*, which others of this process may use as well."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound
