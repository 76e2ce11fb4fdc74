"""What became of the items of a fleet, and of its sessions."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from attrs import field, frozen

__all__ = ("FleetOutcome", "FleetStats", "Latencies")

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


@frozen(kw_only=True)
class FleetOutcome(Generic[ItemT, ValueT]):
    """What became of one item; truthy if it succeeded.

    Attributes:
        item: The item.
        index: Its place among the items, counted from 0.
        value: What the function returned; ``None`` if it failed.
        error: Why it failed in the last attempt; ``None`` if it succeeded.
        seconds: From the beginning of the first attempt, its session's creation included, to the
            end of the last.
        attempts: How often it was tried, each time on another session.
        session_id: The session of the last attempt; empty if there was none to be had.
    """

    item: ItemT
    index: int
    value: ValueT | None = None
    error: Exception | None = field(default=None, eq=False)
    seconds: float = 0.0
    attempts: int = 1
    session_id: str = ""

    @property
    def success(self) -> bool:
        """Whether the function returned."""
        return self.error is None

    def __bool__(self) -> bool:
        return self.success

    def unwrap(self) -> ValueT:
        """Return what the function returned, or raise its error.

        Raises:
            Exception: what the function raised, or why there was no session.
        """
        if self.error is not None:
            raise self.error
        return cast("ValueT", self.value)


@frozen(kw_only=True)
class Latencies:
    """How long something took, in seconds; all 0 if it never happened.

    The percentiles are those of the last 10,000 times.

    Attributes:
        count: How often it happened.
        mean: On average, over all of them.
        p50: Half of them took no longer.
        p95: 95 of 100 took no longer.
        longest: The longest of all.
    """

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    longest: float = 0.0


@frozen(kw_only=True)
class FleetStats:
    """What a fleet has done so far.

    Attributes:
        succeeded: Items that ended with a value.
        failed: Items that ended with an error.
        retried: Attempts beyond the first of each item.
        created: Sessions that were created.
        deleted: Sessions that are certainly gone again.
        alive: Sessions that exist now, as far as is known.
        most_alive: The most that existed at the same time.
        leaked: Sessions that could not be deleted when the fleet ended; 0 before that.
        throttled: How often the service refused to create a session because of too many requests.
        creating: How many sessions may be created at the same time, as the service bears it now.
        creations: How long creating a session took.
        items: How long an item took, all attempts.
        deletions: How long deleting a session took.
    """

    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    created: int = 0
    deleted: int = 0
    alive: int = 0
    most_alive: int = 0
    leaked: int = 0
    throttled: int = 0
    creating: int = 0
    creations: Latencies = field(factory=Latencies)
    items: Latencies = field(factory=Latencies)
    deletions: Latencies = field(factory=Latencies)

    @property
    def done(self) -> int:
        """Items that have ended."""
        return self.succeeded + self.failed
