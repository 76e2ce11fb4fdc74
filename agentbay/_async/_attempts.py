"""Working on one item of a fleet: a session, the function, and another try if that may help."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
from attrs import frozen

from agentbay._async._supply import SessionSupply
from agentbay._async._tally import Tally
from agentbay._async.session import AsyncSession
from agentbay._wire.envelope import Code
from agentbay.errors import (
    AgentBayError,
    ConflictError,
    ItemTimeoutError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerFaultError,
    TransportError,
)
from agentbay.models.fleet import FleetOutcome

if TYPE_CHECKING:
    from agentbay._async._job import Deliver

__all__ = ("Attempts", "NotAwaitableError", "call_in_time")

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")

# The same call on another session may do better after these.
_OF_THE_MACHINE = (
    ItemTimeoutError,
    ProtocolError,
    RateLimitError,
    ServerFaultError,
    TransportError,
)


@frozen(kw_only=True)
class Attempts(Generic[ItemT, ValueT]):
    """How the items of one ``map`` are worked on.

    Attributes:
        function: What is done with a session and an item.
        supply: Where sessions come from.
        slots: Limits the items that are worked on at the same time in the whole fleet.
        tally: Counts.
        timeout: Seconds for one call of the function.
        retries: Further attempts after the first.
        retry_on: Errors of the function after which it is tried again, besides failures of the
            session.
        reuse: Whether a session serves further items.
        report: Called when an item has ended.
    """

    function: Callable[[AsyncSession, ItemT], Awaitable[ValueT]]
    supply: SessionSupply
    slots: Callable[[], anyio.Semaphore]
    tally: Tally
    timeout: float | None
    retries: int
    retry_on: tuple[type[Exception], ...]
    reuse: bool
    report: Callable[[], Awaitable[None]]

    async def work(
        self, index: int, item: ItemT, deliver: Deliver[FleetOutcome[ItemT, ValueT]]
    ) -> None:
        """Work on one item and deliver what became of it; then see to its session."""
        async with self.slots():
            began = anyio.current_time()
            attempts = 1
            session, value, error = await self._attempt(index, item, fresh=False)
            while error is not None and await self._is_worth_another(error, attempts, session):
                if session is not None:
                    await self.supply.delete(session)
                attempts += 1
                self.tally.retried += 1
                session, value, error = await self._attempt(index, item, fresh=True)
            seconds = anyio.current_time() - began
            self._count(error, seconds)
            outcome: FleetOutcome[ItemT, ValueT] = FleetOutcome(
                item=item,
                index=index,
                value=value,
                error=error,
                seconds=seconds,
                attempts=attempts,
                session_id=session.session_id if session is not None else "",
            )
            await deliver(outcome)
            await self.report()
            if session is None:
                return
            if self.reuse and error is None:
                self.supply.put_back(session)
            else:
                await self.supply.delete(session)

    async def _attempt(
        self, index: int, item: ItemT, *, fresh: bool
    ) -> tuple[AsyncSession | None, ValueT | None, Exception | None]:
        try:
            session = await self.supply.take(fresh=fresh)
        except AgentBayError as exc:
            return None, None, exc
        try:
            value = await call_in_time(
                lambda: self.function(session, item), self.timeout, f"Item {index}"
            )
        except NotAwaitableError:
            raise
        except Exception as exc:  # noqa: BLE001 - the outcome of this item
            return session, None, exc
        except BaseException:
            self.supply.delete_soon(session)
            raise
        return session, value, None

    async def _is_worth_another(
        self, error: Exception, attempts: int, session: AsyncSession | None
    ) -> bool:
        if attempts > self.retries:
            return False
        if isinstance(error, self.retry_on) or _is_of_the_machine(error):
            return True
        # The function may not have noticed that it was the session that failed.
        return session is not None and await _is_lost(session)

    def _count(self, error: Exception | None, seconds: float) -> None:
        self.tally.items.add(seconds)
        if error is None:
            self.tally.succeeded += 1
        else:
            self.tally.failed += 1


class NotAwaitableError(TypeError):
    """The function is no coroutine function."""


async def call_in_time(
    function: Callable[[], Awaitable[ValueT]], timeout: float | None, what: str
) -> ValueT:
    """Return what *function* returns.

    Raises:
        ItemTimeoutError: it takes longer than *timeout* seconds.
        NotAwaitableError: what it returns cannot be awaited.
        Exception: what it raises.
    """
    with anyio.move_on_after(timeout) as scope:
        pending = function()
        if not inspect.isawaitable(pending):
            raise NotAwaitableError(
                f"The function returned {type(pending).__name__!r} instead of something to await; "
                "write it as 'async def', or use the blocking client"
            )
        return await pending
    assert scope.cancelled_caught  # noqa: S101 - the only way to get here, for mypy
    raise ItemTimeoutError(f"{what} was not done within {timeout:g} s")


def _is_of_the_machine(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, _OF_THE_MACHINE) or _tells_of_no_session(seen):
            return True
        seen = seen.__cause__
    return False


def _tells_of_no_session(error: BaseException) -> bool:
    if isinstance(error, NotFoundError):
        return error.code == Code.SESSION_NOT_FOUND
    return isinstance(error, ConflictError) and error.code == Code.WRONG_STATE


async def _is_lost(session: AsyncSession) -> bool:
    status = await session.get_status()
    if status.success:
        return status.status != "RUNNING"
    return status.exception is not None and _is_of_the_machine(status.exception)
