"""Many sessions at once, none of which is left behind."""

from __future__ import annotations

import logging
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from agentbay._async._attempts import Attempts, call_in_time
from agentbay._async._job import Job
from agentbay._async._supply import SessionSupply
from agentbay._async._tally import Tally
from agentbay._async.fleet_outcomes import AsyncFleetOutcomes
from agentbay._transport.finishing import finish, is_loop_running
from agentbay.errors import AgentBayError, ClientClosedError, ConfigurationError, SessionError
from agentbay.models.fleet import FleetOutcome, FleetStats
from agentbay.models.session import DeleteResult, SessionResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._async.session import AsyncSession
    from agentbay.models.session_params import CreateSessionParams

__all__ = ("AsyncFleet",)

logger = logging.getLogger("agentbay.fleet")

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")

CLOSE_GRACE_SECONDS = 120.0
"""How long a cancelled program waits for the end of its sessions."""


class AsyncFleet:
    """Sessions that exist only while its ``with`` block is entered.

    ::

        async with agent_bay.fleet(CreateSessionParams(), concurrency=200) as fleet:
            async for outcome in fleet.map(grade, submissions):
                print(outcome.item, outcome.value, outcome.error)

    Whatever ends the block, an error, a cancellation or Ctrl-C included, every session is
    deleted, those among them whose creation was never answered. Each is labelled with the fleet
    and its creation, so that it can be found.

    Sessions are created as quickly as the service bears: fewer at the same time after "too many
    requests", and again more after each success.

    Args:
        agent_bay: The client.
        params: What to create each session with; the service's defaults when ``None``.
        concurrency: How many sessions exist at the same time, at most.
        reuse: Let a session serve further items after one that succeeded.

    Raises:
        ConfigurationError: *concurrency* is not a positive number.
    """

    def __init__(
        self,
        agent_bay: AsyncAgentBay,
        params: CreateSessionParams | None = None,
        *,
        concurrency: int = 16,
        reuse: bool = False,
    ) -> None:
        self._is_open = False
        _check_number("concurrency", concurrency, 1)
        self._agent_bay = agent_bay
        self._concurrency = concurrency
        self._reuse = reuse
        self._tally = Tally()
        self._supply = SessionSupply(agent_bay, params, concurrency, self._tally)
        # Made with their first use, which is on a loop.
        self._slots: anyio.Semaphore | None = None
        self._reporting: anyio.Lock | None = None
        self._under_way: set[AsyncFleetOutcomes[Any, Any]] = set()

    def __repr__(self) -> str:
        state = "open" if self._is_open else "not entered"
        return f"<{type(self).__name__} {state}, {len(self._supply.alive)} sessions>"

    @property
    def stats(self) -> FleetStats:
        """What it has done so far, also after its end."""
        supply = self._supply
        return self._tally.stats(alive=len(supply.alive), creating=supply.pacing.limit)

    def map(
        self,
        function: Callable[[AsyncSession, ItemT], Awaitable[ValueT]],
        items: Iterable[ItemT] | AsyncIterable[ItemT],
        *,
        ordered: bool = False,
        timeout: float | None = None,
        retries: int = 2,
        retry_on: tuple[type[Exception], ...] = (),
        progress: Callable[[FleetStats], Awaitable[None] | None] | None = None,
    ) -> AsyncFleetOutcomes[ItemT, ValueT]:
        """Call *function* with a session and each item, on many sessions at the same time.

        A failing item harms no other. When it is the session or the connection that fails, the
        item is tried again on another session; *function* should bear that. Items are asked for
        as they are needed, and outcomes wait to be taken: at most twice as many items as
        sessions are ahead of the caller.

        Args:
            function: What to do; what it returns is the value.
            items: The items, any number of them.
            ordered: Bring outcomes in the order of the items, not as they end.
            timeout: Seconds for one call of *function*, the session's creation not included;
                after it the session counts as failed.
            retries: Further attempts after the first for an item whose session failed.
            retry_on: Errors of *function* after which an item is tried again as well.
            progress: Called after each item that has ended, once at a time.

        Returns:
            The outcomes, to iterate over.
        """
        self._check_open()
        _check_number("retries", retries, 0)
        if timeout is not None and not timeout > 0:  # also when it is not a number
            raise ConfigurationError(f"timeout must be more than 0 seconds, not {timeout!r}")
        attempts: Attempts[ItemT, ValueT] = Attempts(
            function=function,
            supply=self._supply,
            slots=self._shared_slots,
            tally=self._tally,
            timeout=timeout,
            retries=retries,
            retry_on=retry_on,
            reuse=self._reuse,
            report=partial(self._report, progress),
        )
        job = Job(items, attempts.work, workers=self._concurrency, ordered=ordered)
        outcomes: AsyncFleetOutcomes[ItemT, ValueT] = AsyncFleetOutcomes(self)
        self._under_way.add(outcomes)
        return outcomes._attach(job)

    def _shared_slots(self) -> anyio.Semaphore:
        if self._slots is None:
            # The capacity limiter of anyio 4.11 lets one too many in.
            self._slots = anyio.Semaphore(self._concurrency)
        return self._slots

    async def _report(
        self, progress: Callable[[FleetStats], Awaitable[None] | None] | None
    ) -> None:
        if progress is None:
            return
        if self._reporting is None:
            self._reporting = anyio.Lock()
        async with self._reporting:  # one call after the other, so that numbers only grow
            pending = progress(self.stats)
            if pending is not None:
                await pending

    def _forget(self, outcomes: AsyncFleetOutcomes[Any, Any]) -> None:
        self._under_way.discard(outcomes)

    async def create_many(self, count: int) -> list[SessionResult[AsyncSession]]:
        """Create sessions at the same time; they live until they or the fleet are deleted.

        They do not count as those of :meth:`map`, and are not limited by *concurrency*, which
        only says how many are created at once.

        Args:
            count: How many.

        Returns:
            For each the session, or why there is none; failures are never raised.
        """
        self._check_open()
        _check_number("count", count, 0)
        results: dict[int, SessionResult[AsyncSession]] = {}

        async def create(number: int) -> None:
            try:
                session = await self._supply.create()
            except AgentBayError as exc:
                results[number] = SessionResult.failure(str(exc), exc)
            else:
                results[number] = SessionResult("", True, session=session)

        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(create, number)
        return [results[number] for number in range(count)]

    async def delete_many(
        self, sessions: list[AsyncSession], sync_context: bool = False
    ) -> list[DeleteResult]:
        """Delete sessions at the same time; failures are results.

        Args:
            sessions: The sessions, of this fleet or not.
            sync_context: Upload all contexts of each first, and wait for that.

        Returns:
            What became of each, in their order.
        """
        results: dict[int, DeleteResult] = {}

        async def delete(number: int, session: AsyncSession) -> None:
            results[number] = await self._supply.delete(session, sync_context)

        async with anyio.create_task_group() as group:
            for number, session in enumerate(sessions):
                group.start_soon(delete, number, session)
        return [results[number] for number in range(len(sessions))]

    async def run_all(
        self,
        sessions: list[AsyncSession],
        function: Callable[[AsyncSession], Awaitable[ValueT]],
        *,
        timeout: float | None = None,
    ) -> list[FleetOutcome[str, ValueT]]:
        """Call *function* with each of some sessions, at the same time.

        Args:
            sessions: The sessions.
            function: What to do with each.
            timeout: Seconds for each call.

        Returns:
            What became of each, in the order of the sessions; the items are their ids.
        """
        outcomes: dict[int, FleetOutcome[str, ValueT]] = {}

        async def call(index: int, session: AsyncSession) -> None:
            began = anyio.current_time()
            value, error = None, None
            what = f"Session {session.session_id}"
            try:
                value = await call_in_time(lambda: function(session), timeout, what)
            except Exception as exc:  # noqa: BLE001 - the outcome of this session
                error = exc
            outcomes[index] = FleetOutcome(
                item=session.session_id,
                index=index,
                value=value,
                error=error,
                seconds=anyio.current_time() - began,
                session_id=session.session_id,
            )

        async with anyio.create_task_group() as group:
            for index, session in enumerate(sessions):
                group.start_soon(call, index, session)
        return [outcomes[index] for index in range(len(sessions))]

    def _check_open(self) -> None:
        if not self._is_open:
            raise ClientClosedError(
                "The fleet is not open: use it in its 'with' block, after which its sessions "
                "are deleted"
            )

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Delete all sessions, also when the task is being cancelled.

        Raises:
            SessionError: some could not be deleted, and nothing else was raised.
        """
        if exc_type is GeneratorExit and not is_loop_running():
            return  # dropped when its loop had ended; __del__ will say so
        self._is_open = False
        left = await finish(self._close, grace=CLOSE_GRACE_SECONDS)
        if not left:
            return
        problem = f"{len(left)} sessions of the fleet could not be deleted: {', '.join(left)}"
        if exc is None:
            raise SessionError(problem)
        logger.error(problem)

    async def _close(self) -> list[str]:
        """End all work, then all sessions; return the ids of those that are left."""
        for outcomes in list(self._under_way):
            await outcomes.close()
        return await self._supply.close()

    def _warn_if_entered(self) -> None:
        if not self._is_open:
            return
        warnings.warn(
            f"A fleet with {len(self._supply.alive)} sessions was dropped without being left, so "
            "nobody deletes them. Its client was created at "
            f"{self._agent_bay._created_at}. Leave the block of the fleet.",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )

    def __del__(self) -> None:
        self._warn_if_entered()


def _check_number(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(
            f"{name} must be a whole number of at least {least}, not {value!r}"
        )
