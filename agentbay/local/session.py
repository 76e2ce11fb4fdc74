"""One session: what belongs to it, its state, and when it is overdue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from agentbay._wire.envelope import Code, service_error
from agentbay.local.admission import throttled
from agentbay.local.contexts.attached import AttachedContexts
from agentbay.local.ids import new_id, new_token
from agentbay.local.images import Image
from agentbay.local.kernels.kernel import Kernels
from agentbay.local.sandbox.base import Sandbox
from agentbay.local.states import PAUSED_STATES, EndReason, State
from agentbay.local.store import SessionRecord
from agentbay.local.tools.registry import Workplace
from agentbay.local.turns import QueueFullError, Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from agentbay.errors import ServiceError

__all__ = ("Lifetime", "NewSession", "Session")

# A call takes a thread of the worker and some processes: 128 at once would leave pipelines none of
# the 512 that a sandbox may have. So many more wait that a client which sends hundreds at once is
# served, while no session fills the runtime.
_CALLS_AT_ONCE = 64
_CALLS_WAITING = 448
# Of the arguments of all these calls, which are held until each is answered.
_MOST_CHARACTERS = 512 * 1024 * 1024


@frozen(kw_only=True)
class Lifetime:
    """When a session is ended without being asked; ``None`` means never.

    Attributes:
        idle_seconds: After so long without a tool call; time while it is paused does not count.
        max_seconds: So long after its creation, also while it is paused.
    """

    idle_seconds: float | None = None
    max_seconds: float | None = None


@frozen(kw_only=True)
class NewSession:
    """What the caller asked for.

    Attributes:
        disk_bytes: How much it can write, if that is other than usual.
    """

    image: Image
    labels: Mapping[str, str] = field(factory=dict)
    lifetime: Lifetime = field(factory=Lifetime)
    disk_bytes: int | None = None


@define(eq=False, kw_only=True)
class Session:
    """A live session; its id is that of its sandbox."""

    image: Image
    labels: Mapping[str, str]
    lifetime: Lifetime
    sandbox: Sandbox
    contexts: AttachedContexts = field(repr=False)
    kernels: Kernels = field(repr=False)
    token: str = field(factory=new_token, repr=False)
    app_instance_id: str = field(factory=lambda: new_id("ai"))
    resource_id: str = field(factory=lambda: new_id("p"))
    created_at: float = field(factory=time.time)
    state: State = State.RUNNING
    end_reason: EndReason | None = None
    changing: asyncio.Task[None] | None = field(default=None, repr=False)
    """The latest change between running and paused."""
    ended: asyncio.Event = field(factory=asyncio.Event, repr=False)
    _turns: Turns = field(factory=lambda: Turns(_CALLS_AT_ONCE, _CALLS_WAITING), repr=False)
    _born: float = field(factory=time.monotonic)
    _last_used: float = field(factory=time.monotonic)
    _paused_at: float | None = None
    _calls: int = 0
    _held: int = 0

    @property
    def id(self) -> str:
        """The session's id."""
        return self.sandbox.spec.id

    def record(self) -> SessionRecord:
        """Return what is kept of it."""
        return SessionRecord(
            session_id=self.id,
            app_instance_id=self.app_instance_id,
            resource_id=self.resource_id,
            image_id=self.image.id,
            state=self.state,
            created_at=self.created_at,
            labels=self.labels,
        )

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Workplace]:
        """Hold the session as used, so that its idle clock stands still.

        Raises:
            ServiceError: Its state does not allow that.
        """
        self._require_running()
        self._calls += 1
        try:
            yield Workplace(self.sandbox, self.sandbox.spec.limits, self.kernels)
        finally:
            self._calls -= 1
            self.touch()

    @contextlib.asynccontextmanager
    async def tool_call(self, characters: int = 0) -> AsyncIterator[Workplace]:
        """Wait until it is the turn of one more tool call, and hold the session for that.

        Args:
            characters: How long its arguments are.

        Raises:
            ServiceError: Its state does not allow that, or too many calls wait already.
        """
        with self.in_use() as place, self._holding(characters):
            try:
                async with self._turns.turn():
                    self._require_running()  # it may have been paused meanwhile
                    yield place
            except QueueFullError as exc:
                raise throttled(
                    f"Session {self.id} has {self._turns.busy} tool calls in progress and "
                    f"{self._turns.waiting} waiting, which is the limit. Try again in "
                    f"{exc.retry_after:.0f} s, or use more sessions",
                    exc.retry_after,
                ) from exc

    @contextlib.contextmanager
    def _holding(self, characters: int) -> Iterator[None]:
        if self._held and self._held + characters > _MOST_CHARACTERS:
            raise throttled(
                f"The arguments of the tool calls of session {self.id} are {self._held} characters "
                f"long already, {_MOST_CHARACTERS} is the limit. Try again in a moment",
                self._turns.retry_after,
            )
        self._held += characters
        try:
            yield
        finally:
            self._held -= characters

    def _require_running(self) -> None:
        if self.state is not State.RUNNING:
            advice = "; resume it first" if self.state in PAUSED_STATES else ""
            raise self.wrong_state(f"tools need a RUNNING session{advice}")

    def wrong_state(self, problem: str) -> ServiceError:
        """Return the service's error for what cannot be done in the present state."""
        return service_error(
            Code.WRONG_STATE,
            f"Session {self.id} is {self.state.value}: {problem}",
            http_status=400,
        )

    def touch(self) -> None:
        """Restart its idle clock."""
        self._last_used = time.monotonic()

    def stop_idle_clock(self) -> None:
        """Let no idle time pass from now on."""
        self._paused_at = time.monotonic()
        self.contexts.held = True

    def continue_idle_clock(self) -> None:
        """Let idle time pass again, on top of what had passed when it was stopped."""
        if self._paused_at is not None:
            idle = max(self._paused_at - self._last_used, 0.0)
            self._last_used = time.monotonic() - idle
            self._paused_at = None
            self.contexts.held = False

    def deadline(self, now: float) -> tuple[float, EndReason] | None:
        """Return when it is overdue as things stand at *now*, and for what reason."""
        deadlines = []
        if self.lifetime.max_seconds is not None:
            deadlines.append((self._born + self.lifetime.max_seconds, EndReason.MAX_RUNTIME))
        if self.lifetime.idle_seconds is not None and self._paused_at is None:
            last_used = now if self._calls else self._last_used
            deadlines.append((last_used + self.lifetime.idle_seconds, EndReason.IDLE))
        return min(deadlines, key=lambda found: found[0], default=None)
