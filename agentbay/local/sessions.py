"""The session table: makes sessions, finds them, and sees to their end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, NoReturn

from attrs import evolve

from agentbay._wire.envelope import SESSION_NOT_FOUND, Code, service_error
from agentbay.local.admission import Admission
from agentbay.local.contexts.attached import RELEASE_SECONDS, AttachedContexts
from agentbay.local.ids import new_id
from agentbay.local.images import DEFAULT_IMAGE
from agentbay.local.kernels.kernel import Kernels
from agentbay.local.pool import WarmPool
from agentbay.local.sandbox.base import SandboxError, SandboxSpec
from agentbay.local.session import NewSession, Session
from agentbay.local.states import ENDED, PAUSED_STATES, EndReason, State
from agentbay.local.tasks import BackgroundTasks, InFlight

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agentbay.errors import ServiceError
    from agentbay.local.contexts.service import Contexts
    from agentbay.local.kernels.packages import Packages
    from agentbay.local.sandbox.base import Isolation, Limits, Network, Sandbox
    from agentbay.local.store import Store

__all__ = ("SessionTable", "session_not_found")

logger = logging.getLogger(__name__)

_END_SECONDS = 30.0
_NOTHING_TO_STORE = frozenset({EndReason.UNDELIVERED, EndReason.SANDBOX_DIED})


def session_not_found() -> ServiceError:
    """Return the service's error for a session that is not there (any more)."""
    return service_error(Code.SESSION_NOT_FOUND, SESSION_NOT_FOUND, http_status=400)


class SessionTable:
    """All live sessions. Those that ended are found in the store only.

    A session ends in the background, begun by `begin_end`: by request, by its deadline, because
    its sandbox died, or with the runtime. Whatever begins it, it happens once.
    """

    def __init__(
        self,
        store: Store,
        contexts: Contexts,
        isolation: Isolation,
        sandboxes: Path,
        packages: Packages,
        *,
        network: Network,
        limits: Limits,
        warm: int = 0,
        max_sessions: int | None = None,
    ) -> None:
        self._store = store
        self._contexts = contexts
        self._isolation = isolation
        self._sandboxes = sandboxes
        self._packages = packages
        self._network = network
        self._limits = limits
        self._live: dict[str, Session] = {}
        self._tasks = BackgroundTasks()
        self._admission = Admission(max_sessions)
        self._creating = InFlight()
        self._pool = WarmPool(warm, self._start_warm, self._tasks)
        self._reaper: asyncio.Task[None] | None = None
        self._deadlines_changed = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        return len(self._live)

    @property
    def warm(self) -> int:
        """How many sandboxes wait to be taken."""
        return len(self._pool)

    async def open(self) -> None:
        """Fill the warm pool and begin to watch deadlines.

        Raises:
            SandboxError: No sandbox can be started.
        """
        self._reaper = self._tasks.spawn(self._reap(), "reaper")
        await self._pool.fill()

    async def close(self) -> None:
        """End all sessions, at the same time; nothing is left. Idempotent."""
        self._closing = True
        await self._creating.wait_idle()
        for session in list(self._live.values()):
            self.begin_end(session, EndReason.RUNTIME_STOPPED)
        await self._pool.close()
        if self._reaper is not None:
            self._reaper.cancel()
        if not await self._tasks.wait(RELEASE_SECONDS + _END_SECONDS):
            await self._tasks.cancel(_END_SECONDS)

    async def create(self, new: NewSession) -> Session:
        """Return a new session, ready to be used; cancelled, it leaves none.

        Raises:
            ServiceError: The runtime is stopping, is at one of its limits, or the sandbox could
                not be started.
        """
        with self._creating:
            with self._admission.admitted(self._live.values()):
                sandbox = await self._take_sandbox(new)
                session = Session(
                    image=new.image,
                    labels=new.labels,
                    lifetime=new.lifetime,
                    sandbox=sandbox,
                    contexts=AttachedContexts(self._contexts, sandbox),
                    kernels=Kernels(sandbox, self._packages),
                )
                self._live[session.id] = session
            self._tasks.spawn(self._watch(session), f"watch {session.id}")
            try:
                await self._store.add(session.record())
            except BaseException:
                self.begin_end(session, EndReason.UNDELIVERED)
                raise
            self._deadlines_changed.set()
            logger.info("Session %s created (%s)", session.id, session.image.id)
            return session

    async def _take_sandbox(self, new: NewSession) -> Sandbox:
        self._refuse_when_closing()
        usual = new.image.profile.name == DEFAULT_IMAGE and new.disk_bytes is None
        warm = self._pool.take() if usual else None
        if warm is not None:
            return warm
        try:
            async with self._admission.start():
                sandbox = await self._start_sandbox(new.disk_bytes)
        except SandboxError as exc:
            logger.warning("A session could not be started: %s", exc)
            raise service_error(
                Code.INTERNAL, f"The session could not be started: {exc}", http_status=500
            ) from exc
        if self._closing:
            await sandbox.close()
            self._refuse_when_closing()
        return sandbox

    async def _start_warm(self) -> Sandbox:
        async with self._admission.start_in_spare_time():
            return await self._start_sandbox()

    async def _start_sandbox(self, disk_bytes: int | None = None) -> Sandbox:
        self._refuse_when_closing()
        session_id = new_id("s")
        spec = SandboxSpec(
            id=session_id,
            root=self._sandboxes / session_id,
            network=self._network,
            limits=evolve(self._limits, disk_bytes=disk_bytes) if disk_bytes else self._limits,
            packages=self._packages.directory,
        )
        return await self._isolation.start(spec)

    def _refuse_when_closing(self) -> None:
        if self._closing:
            refuse_stopping()

    def get(self, session_id: str) -> Session:
        """Return a live session, whatever its state.

        Raises:
            ServiceError: There is none of that id.
        """
        session = self._live.get(session_id)
        if session is None:
            raise session_not_found()
        return session

    async def set_labels(self, session: Session, labels: Mapping[str, str]) -> None:
        """Replace the labels of *session*."""
        await self._store.set_labels(session.id, labels)
        session.labels = labels

    def begin_pause(self, session: Session) -> None:
        """Begin to freeze *session*; it is PAUSING when this returns, if it was RUNNING.

        Raises:
            ServiceError: It is waking up or ending.
        """
        if session.state in PAUSED_STATES:
            return
        if session.state is not State.RUNNING:
            raise session.wrong_state("only a RUNNING session can be paused")
        session.state = State.PAUSING
        session.stop_idle_clock()
        session.changing = self._tasks.spawn(self._pause(session), f"pause {session.id}")

    def begin_resume(self, session: Session) -> None:
        """Begin to wake *session*; it is RESUMING when this returns, if it was PAUSED.

        Raises:
            ServiceError: It is still being paused, or ending.
        """
        if session.state in (State.RUNNING, State.RESUMING):
            return
        if session.state is not State.PAUSED:
            raise session.wrong_state("only a PAUSED session can be resumed")
        session.state = State.RESUMING
        session.changing = self._tasks.spawn(self._resume(session), f"resume {session.id}")

    async def _pause(self, session: Session) -> None:
        await self._store.set_state(session.id, State.PAUSING)
        try:
            await session.sandbox.freeze()
        except SandboxError as exc:
            await self._settle(session, State.PAUSING, State.RUNNING, exc)
        else:
            await self._settle(session, State.PAUSING, State.PAUSED)

    async def _resume(self, session: Session) -> None:
        await self._store.set_state(session.id, State.RESUMING)
        try:
            await session.sandbox.thaw()
        except SandboxError as exc:
            await self._settle(session, State.RESUMING, State.PAUSED, exc)
        else:
            await self._settle(session, State.RESUMING, State.RUNNING)

    async def _settle(
        self, session: Session, before: State, after: State, error: SandboxError | None = None
    ) -> None:
        """Finish a change of state, unless the session has begun to end meanwhile."""
        if session.state is not before:
            return
        if error is not None:
            logger.error("Session %s is %s again: %s", session.id, after.value, error)
        session.state = after
        if after is State.RUNNING:
            session.continue_idle_clock()
            self._deadlines_changed.set()
        await self._store.set_state(session.id, after)

    def begin_end(self, session: Session, reason: EndReason) -> None:
        """Begin to end *session*; it is DELETING when this returns. Once is enough."""
        if session.state in (State.DELETING, ENDED):
            return
        logger.info("Session %s ends (%s)", session.id, reason.value)
        was_running = session.state is State.RUNNING
        session.state = State.DELETING
        session.end_reason = reason
        end = self._end(session, reason, was_running=was_running)
        self._tasks.spawn(end, f"end {session.id}")

    async def _end(self, session: Session, reason: EndReason, *, was_running: bool) -> None:
        # Each step is done even if the one before it fails.
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._forget, session)
            stack.push_async_callback(self._store.end, session.id, reason.value)
            stack.push_async_callback(self._close_sandbox, session)
            stack.push_async_callback(self._store_contexts, session, reason, was_running)
            await self._store.set_state(session.id, State.DELETING)

    def _forget(self, session: Session) -> None:
        session.state = ENDED
        del self._live[session.id]
        session.ended.set()

    async def _store_contexts(self, session: Session, reason: EndReason, was_running: bool) -> None:
        """Upload what is to outlive the session; nothing of one that its client never got."""
        upload = reason not in _NOTHING_TO_STORE and bool(session.contexts.bindings)
        if upload and not was_running:
            upload = await self._wake(session)
        await session.contexts.release(upload=upload)

    async def _wake(self, session: Session) -> bool:
        """Let a paused session run again; return whether it does."""
        try:
            if session.changing is not None:
                await asyncio.wait([session.changing])
            await session.sandbox.thaw()
        except SandboxError as exc:
            logger.error("Session %s cannot be woken to store its contexts: %s", session.id, exc)
            return False
        session.continue_idle_clock()
        return True

    async def _close_sandbox(self, session: Session) -> None:
        try:
            await session.sandbox.close()
        except SandboxError:
            logger.exception("Session %s ended, but something of it remains", session.id)

    async def _watch(self, session: Session) -> None:
        await session.sandbox.wait_dead()
        if session.state is not State.DELETING:
            logger.warning("Session %s: its sandbox ended by itself", session.id)
        self.begin_end(session, EndReason.SANDBOX_DIED)

    async def _reap(self) -> None:
        """End overdue sessions.

        Use moves deadlines only further away, so it is enough to look again at the one that was
        next; only a session that is new, or resumed, can bring an earlier one.
        """
        while True:
            self._deadlines_changed.clear()
            delay = self._end_overdue(time.monotonic())
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._deadlines_changed.wait(), delay)

    def _end_overdue(self, now: float) -> float | None:
        """Begin to end what is overdue; return the seconds until something else will be."""
        following = []
        for session in list(self._live.values()):
            found = session.deadline(now)
            if found is None or session.state is State.DELETING:
                continue
            deadline, reason = found
            if deadline <= now:
                self.begin_end(session, reason)
            else:
                following.append(deadline - now)
        return min(following, default=None)


def refuse_stopping() -> NoReturn:
    """Refuse a request because the runtime is being stopped."""
    raise service_error(Code.UNAVAILABLE, "The local runtime is stopping", http_status=503)
