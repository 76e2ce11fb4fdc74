"""Counting what a fleet does."""

from __future__ import annotations

from collections import deque

from attrs import define, field

from agentbay.models.fleet import FleetStats, Latencies

__all__ = ("Tally",)

KEPT_TIMES = 10_000


@define
class _Times:
    """Of some thing that happens often: how long it took."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    latest: deque[float] = field(factory=lambda: deque(maxlen=KEPT_TIMES))

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        self.latest.append(seconds)

    def summary(self) -> Latencies:
        if not self.count:
            return Latencies()
        ordered = sorted(self.latest)
        return Latencies(
            count=self.count,
            mean=self.total / self.count,
            p50=ordered[(len(ordered) - 1) // 2],
            p95=ordered[(len(ordered) - 1) * 95 // 100],
            longest=self.longest,
        )


@define
class Tally:
    """The numbers behind ``fleet.stats``."""

    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    created: int = 0
    deleted: int = 0
    most_alive: int = 0
    leaked: int = 0
    throttled: int = 0
    creations: _Times = field(factory=_Times)
    items: _Times = field(factory=_Times)
    deletions: _Times = field(factory=_Times)

    def stats(self, *, alive: int, creating: int) -> FleetStats:
        """Return the numbers as they are now."""
        return FleetStats(
            succeeded=self.succeeded,
            failed=self.failed,
            retried=self.retried,
            created=self.created,
            deleted=self.deleted,
            alive=alive,
            most_alive=self.most_alive,
            leaked=self.leaked,
            throttled=self.throttled,
            creating=creating,
            creations=self.creations.summary(),
            items=self.items.summary(),
            deletions=self.deletions.summary(),
        )
