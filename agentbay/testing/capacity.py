"""The limits of a test server: how often it may be asked, and how many sessions it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, field, frozen, validators

if TYPE_CHECKING:
    from attrs import Attribute

__all__ = ("Capacity", "TokenBucket")


def _not_negative(_: object, attribute: Attribute[Any], values: Mapping[str, float]) -> None:
    if any(value < 0 for value in values.values()):
        raise ValueError(f"{attribute.name} must not be negative")


@frozen(kw_only=True)
class Capacity:
    """What a test server can take; by default anything, at once.

    Names are those of actions (``"CreateMcpSession"``) and tools (``"shell"``).

    Attributes:
        rate: Requests per second of the names in *throttled*, all taken together. Those beyond
            it are answered with HTTP 429, code ``Throttling`` and ``Retry-After``: the whole
            seconds until there is room for another one.
        burst: How many of them may come at once after a pause.
        throttled: The names to which *rate* applies.
        max_sessions: How many sessions may live at a time. To create another one is answered
            with HTTP 429 and code ``QuotaExceeded``.
        latency: Seconds from a request to its answer, by name; nothing is done before they are
            over. Refusals do not take them.
    """

    rate: float | None = field(default=None, validator=validators.optional(validators.gt(0)))
    burst: int = field(default=1, validator=validators.ge(1))
    throttled: frozenset[str] = frozenset({"CreateMcpSession"})
    max_sessions: int | None = field(default=None, validator=validators.optional(validators.ge(0)))
    latency: Mapping[str, float] = field(factory=dict, validator=_not_negative)


@define(eq=False)
class TokenBucket:
    """Lets *rate* requests per second pass, and *burst* of them at once after a pause."""

    rate: float
    burst: int
    clock: Callable[[], float] = time.monotonic
    _level: float = field(init=False, default=Factory(lambda self: self.burst, takes_self=True))
    _seen: float = field(init=False, default=Factory(lambda self: self.clock(), takes_self=True))

    def take(self) -> float:
        """Take a token; return the seconds until there is one, 0 if it was taken."""
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._seen) * self.rate)
        self._seen = now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self.rate
