"""The outcomes of the items of a fleet, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

    from agentbay._async._job import Job
    from agentbay._async.fleet import AsyncFleet
    from agentbay.models.fleet import FleetOutcome

__all__ = ("AsyncFleetOutcomes",)

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


class AsyncFleetOutcomes(Generic[ItemT, ValueT]):
    """Iterates over what ``fleet.map`` brings; the work begins with the first step.

    Args:
        fleet: The fleet.
    """

    def __init__(self, fleet: AsyncFleet) -> None:
        self._fleet = fleet
        self._job: Job[ItemT, FleetOutcome[ItemT, ValueT]] | None = None

    def _attach(self, job: Job[ItemT, FleetOutcome[ItemT, ValueT]]) -> Self:
        self._job = job
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FleetOutcome[ItemT, ValueT]:
        """Return the next outcome.

        Raises:
            ClientClosedError: the fleet has ended.
            Exception: what the iterable of the items raised, or the callback for progress.
        """
        if self._job is None:
            raise StopAsyncIteration
        try:
            return await self._job.next()
        except StopAsyncIteration:
            self._fleet._forget(self)
            raise

    async def close(self) -> None:
        """Give up the items that are not done yet; their sessions are deleted. Idempotent."""
        if self._job is not None:
            await self._job.close()
        self._fleet._forget(self)
