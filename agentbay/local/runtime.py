"""The runtime as a whole: starts its parts in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio.to_thread
from aiohttp import web
from attrs import define, field

from agentbay.local.auth import is_loopback
from agentbay.local.contexts.service import Contexts
from agentbay.local.data_dir import DataDir
from agentbay.local.failures import LocalRuntimeError
from agentbay.local.faults import kill_sandbox
from agentbay.local.gateway import MAX_BODY_BYTES, Gateway
from agentbay.local.handlers.registry import Services
from agentbay.local.ids import new_api_key
from agentbay.local.kernels.packages import Packages
from agentbay.local.links import Links
from agentbay.local.listening import stop_accepting
from agentbay.local.sandbox.base import Limits, Network
from agentbay.local.sandbox.bubblewrap import Bubblewrap
from agentbay.local.sandbox.unisolated import Unisolated
from agentbay.local.sessions import SessionTable
from agentbay.local.store import Store
from agentbay.local.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agentbay.local.faults import Faults, Kill
    from agentbay.local.sandbox.base import Isolation

__all__ = ("IsolationName", "LocalRuntime", "NetworkName")

logger = logging.getLogger(__name__)

IsolationName = Literal["bubblewrap", "none"]
NetworkName = Literal["nat", "host", "none"]

_ISOLATIONS: dict[str, type[Isolation]] = {"bubblewrap": Bubblewrap, "none": Unisolated}
_GRACE_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
_BACKLOG = 512


class LocalRuntime:
    """Serves the AgentBay protocol on this machine; every session is a sandbox.

    An async context manager. It has to be started and stopped on the same event loop, whose
    thread the sandboxes do not outlive.

    Args:
        host: Loopback address to listen on.
        port: Port to listen on; 0 for any free one.
        api_key: Key that clients must send; a fresh random one when it is not given.
        data_dir: Directory to keep everything in, used by one runtime at a time. By default a
            private temporary one that is removed by `stop`.
        isolation: What a session is: ``bubblewrap`` makes sandboxes, ``none`` plain processes
            that can do whatever this user can.
        network: What sessions can reach.
        warm: Number of sandboxes that are kept ready, so that `CreateMcpSession` hands one over.
        tls: Speak HTTPS, with a certificate made for this run; see `ca_file`.
        max_sessions: Number of sessions at once, above which `CreateMcpSession` is refused; by
            default what the memory of this machine and the open files of this process allow.
        limits: Resources of each session.
        max_body_bytes: Size above which requests are refused.
        clock: Tells the time, for what is kept in contexts for some days only.
        faults: What is to go wrong; see :class:`agentbay.testing.FaultPlan`.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        data_dir: Path | str | None = None,
        isolation: IsolationName = "bubblewrap",
        network: NetworkName = "nat",
        warm: int = 0,
        max_sessions: int | None = None,
        tls: bool = False,
        limits: Limits | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        clock: Callable[[], float] = time.time,
        faults: Faults | None = None,
    ) -> None:
        if not is_loopback(host):
            raise LocalRuntimeError(
                f"The local runtime binds to loopback only, not to {host!r}: its sessions run "
                "code for whoever reaches it. Use 127.0.0.1, localhost or ::1."
            )
        if isolation not in _ISOLATIONS:
            raise LocalRuntimeError(f"isolation must be one of {', '.join(_ISOLATIONS)}")
        if network not in {kind.value for kind in Network}:
            raise LocalRuntimeError(
                f"network must be one of {', '.join(kind.value for kind in Network)}"
            )
        if warm < 0:
            raise LocalRuntimeError("warm must not be negative")
        if max_sessions is not None and max_sessions < 1:
            raise LocalRuntimeError("max_sessions must be at least 1")
        self._host = host
        self._port = port
        self.api_key = api_key or new_api_key()
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._isolation = _ISOLATIONS[isolation]()
        self._network = Network(network)
        self._warm = warm
        self._max_sessions = max_sessions
        self._tls = tls
        self._limits = limits or Limits()
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._faults = faults
        self._running: _Running | None = None
        self._stopping: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        where = self._running.endpoint if self._running else "not running"
        return f"<LocalRuntime {where}>"

    async def __aenter__(self) -> LocalRuntime:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def endpoint(self) -> str:
        """Where clients reach it, such as ``http://127.0.0.1:8844``."""
        return self._require().endpoint

    @property
    def ca_file(self) -> Path | None:
        """The certificate that clients must trust; ``None`` without TLS."""
        return self._require().data.ca_file if self._tls else None

    @property
    def sessions(self) -> SessionTable:
        """The live sessions."""
        return self._require().sessions

    @property
    def contexts(self) -> Contexts:
        """What outlives sessions."""
        return self._require().contexts

    def _require(self) -> _Running:
        if self._running is None:
            raise LocalRuntimeError("The local runtime is not running")
        return self._running

    async def start(self) -> None:
        """Start; the warm sandboxes are ready when this returns.

        Raises:
            LocalRuntimeError: The directory or the port is in use, or something is missing.
            ConfigurationError: Some of the faults cannot be injected here.
            SandboxError: Sandboxes cannot be made on this machine.
        """
        if self._running is not None:
            raise LocalRuntimeError("The local runtime is running already")
        await anyio.to_thread.run_sync(self._isolation.check)
        async with contextlib.AsyncExitStack() as stack:
            running = await self._bring_up(stack)
            running.undo = stack.pop_all()
        self._running, self._stopping = running, None
        logger.info("The local runtime listens at %s", running.endpoint)

    async def _bring_up(self, stack: contextlib.AsyncExitStack) -> _Running:
        """Start the parts; the order in which they go onto *stack* is that of the way back."""
        data = await anyio.to_thread.run_sync(DataDir.open, self._data_dir)
        stack.push_async_callback(anyio.to_thread.run_sync, data.close)
        authority, tls = None, None
        if self._tls:
            authority = await anyio.to_thread.run_sync(Authority, data.ca_file)
            tls = authority.context()
        store = await Store.open(data.database)
        stack.push_async_callback(store.close)
        contexts = await Contexts.open(data.contexts_database, data.packs, clock=self._clock)
        stack.push_async_callback(contexts.close)
        listener = stack.enter_context(_listen(self._host, self._port))
        endpoint = _endpoint(listener, "https" if tls else "http")
        sessions = SessionTable(
            store,
            contexts,
            self._isolation,
            data.sandboxes,
            Packages(data.packages),
            network=self._network,
            limits=self._limits,
            warm=self._warm,
            max_sessions=self._max_sessions,
        )
        injector = None
        if self._faults is not None:
            injector = self._faults.for_runtime(_killer(sessions))
        links = Links(authority, injector)
        gateway = Gateway(
            Services(sessions, store, contexts, links, endpoint),
            self.api_key,
            max_body_bytes=self._max_body_bytes,
        )
        runner = web.AppRunner(
            gateway.application([injector.middleware()] if injector else ()),
            access_log=None,
            handler_cancellation=True,  # a tool call ends with the connection of its caller
            shutdown_timeout=_CLOSE_SECONDS,
        )
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        stack.push_async_callback(gateway.channels.close)
        stack.push_async_callback(sessions.close)
        await sessions.open()
        stack.push_async_callback(links.close)
        if injector:
            stack.callback(injector.close)
        running = _Running(endpoint, data, contexts, sessions, links, gateway, runner, listener)
        stack.push_async_callback(running.drain)
        await web.SockSite(runner, listener, ssl_context=tls, backlog=_BACKLOG).start()
        return running

    async def stop(self) -> None:
        """Stop; all sessions are ended. Idempotent, bounded, and not undone by cancellation.

        Requests that are being handled get a moment to finish, see `hurry`.
        """
        if self._running is not None and self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(self._running), name="runtime-stop")
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def _stop(self, running: _Running) -> None:
        try:
            await running.undo.aclose()
        finally:
            self._running = None
        logger.info("The local runtime at %s has stopped", running.endpoint)

    def hurry(self) -> None:
        """Let `stop` not wait for requests that are being handled."""
        if self._running is not None:
            self._running.hurry.set()

    def abandon(self) -> None:
        """Close a forked child's copies of what the parent holds; the parent notices nothing.

        Without it the port and the directory would stay in use for as long as the child lives.
        """
        if self._running is not None:
            self._running.listener.close()
            self._running.links.abandon()
            self._running.data.abandon()


@define(eq=False)
class _Running:
    """The parts of a running runtime."""

    endpoint: str
    data: DataDir
    contexts: Contexts
    sessions: SessionTable
    links: Links
    gateway: Gateway
    runner: web.AppRunner
    listener: socket.socket
    hurry: asyncio.Event = field(factory=asyncio.Event)
    undo: contextlib.AsyncExitStack = field(factory=contextlib.AsyncExitStack)

    async def drain(self) -> None:
        """Accept nothing new, and give what is being handled a moment to finish."""
        await stop_accepting(self.listener, self.runner.sites)
        self.gateway.drain()
        waits = [
            asyncio.ensure_future(self.gateway.in_flight.wait_idle()),
            asyncio.ensure_future(self.hurry.wait()),
        ]
        try:
            await asyncio.wait(waits, timeout=_GRACE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _killer(sessions: SessionTable) -> Kill:
    async def kill(session_id: str) -> None:
        await kill_sandbox(sessions.get(session_id).sandbox)

    return kill


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, made here so that a forked child can close its copy."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = min(found, key=lambda item: item[0])  # IPv4 before IPv6
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as exc:
        hint = "; another program uses it: choose another --port" if _is_taken(exc) else ""
        raise LocalRuntimeError(
            f"Cannot listen on {host}, port {port}: {exc.strerror}{hint}"
        ) from exc


def _is_taken(error: OSError) -> bool:
    return error.errno == errno.EADDRINUSE


def _endpoint(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if listener.family == socket.AF_INET6 else host
    return f"{scheme}://{shown}:{port}"
