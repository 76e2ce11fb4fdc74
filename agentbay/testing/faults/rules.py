"""Rules: which requests a fault happens to."""

from __future__ import annotations

import random

from attrs import define, field, frozen
from attrs.validators import and_, ge, instance_of, le, optional

from agentbay.testing.faults.kinds import Fault
from agentbay.testing.faults.requests import RequestFacts, RouteName

__all__ = ("FaultRule", "RuleState")

_COUNT = optional(ge(1))


@frozen
class FaultRule:
    """A fault, and the requests it happens to: all it can happen to, unless the rule says less.

    Attributes:
        fault: What happens.
        name: Only to this action, tool, or, on routes without such names, HTTP method.
        route: Only on this route.
        session_id: Only to this session.
        nth: Only to the n-th of the requests above; the first is 1.
        every: Only to every k-th of them.
        times: At most so often.
        probability: Only to some of them, at random.
    """

    fault: Fault = field(validator=instance_of(Fault))
    name: str = field(default="", kw_only=True)
    route: RouteName | None = field(default=None, kw_only=True)
    session_id: str = field(default="", kw_only=True)
    nth: int | None = field(default=None, kw_only=True, validator=_COUNT)
    every: int | None = field(default=None, kw_only=True, validator=_COUNT)
    times: int | None = field(default=None, kw_only=True, validator=_COUNT)
    probability: float = field(default=1.0, kw_only=True, validator=and_(ge(0), le(1)))

    def matches(self, request: RequestFacts) -> bool:
        """Return whether *request* is one of those that are counted."""
        return (
            (not self.name or self.name in request.names)
            and self.route in (None, request.route)
            and self.session_id in ("", request.session_id)
            and self.fault.applies_to(request)
        )


@define(eq=False)
class RuleState:
    """A rule at work.

    What is drawn depends on the seed, the number of the rule and the requests that match it,
    and on nothing that other rules do.

    Attributes:
        content: For what a fault is filled with.
        matched: How many requests matched.
        injected: To how many of them the fault happened.
    """

    rule: FaultRule
    content: random.Random
    matched: int = 0
    injected: int = 0
    _draws: random.Random = field(kw_only=True)

    @classmethod
    def begin(cls, rule: FaultRule, seed: int, number: int) -> RuleState:
        """Return the state of *rule* before any request."""
        own = f"{seed}:{number}"
        return cls(
            rule,
            random.Random(f"{own}:content"),  # noqa: S311 - faults are no secrets
            draws=random.Random(own),  # noqa: S311
        )

    def fires(self, request: RequestFacts) -> bool:
        """Count *request*, and return whether the fault is to happen to it."""
        rule = self.rule
        if not rule.matches(request):
            return False
        self.matched += 1
        drawn = self._draws.random() < rule.probability
        return (
            drawn
            and rule.nth in (None, self.matched)
            and (rule.every is None or self.matched % rule.every == 0)
            and (rule.times is None or self.injected < rule.times)
        )
