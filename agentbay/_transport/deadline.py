"""A point in time by which a call must have ended."""

from __future__ import annotations

import time

from attrs import frozen

__all__ = ("Deadline",)


@frozen
class Deadline:
    """When a call must have ended, on the monotonic clock.

    Attributes:
        at: That moment.
        seconds: How long it was away at the start, for messages.
    """

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline *seconds* from now."""
        return cls(time.monotonic() + seconds, seconds)

    def share(self, part: float) -> Deadline:
        """Return a nearer one, after that *part* of the time left; messages tell of this one."""
        return Deadline(time.monotonic() + self.remaining() * part, self.seconds)

    def remaining(self) -> float:
        """Return the seconds that are left, at least 0."""
        return max(0.0, self.at - time.monotonic())
