"""Plans: rules and a seed, which together say what goes wrong when."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from agentbay.errors import ConfigurationError
from agentbay.local.faults import Faults
from agentbay.testing.faults.files import read_plan
from agentbay.testing.faults.kinds import (
    Garbage,
    HalfOpen,
    Reset,
    ServerError,
    Throttled,
    Truncated,
)
from agentbay.testing.faults.rules import FaultRule, RuleState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentbay.local.faults import Injector, Kill
    from agentbay.testing.faults.kinds import HostName
    from agentbay.testing.faults.requests import RequestFacts

__all__ = ("FaultPlan",)


class FaultPlan(Faults):
    """What goes wrong in a service, by rule or by seed.

    ::

        plan = FaultPlan([FaultRule(Reset(processed=True), name="CreateMcpSession", nth=2)])
        async with LocalRuntime(faults=plan) as runtime:
            ...
        assert plan.injected == {"reset": 1}

    The same plan and the same requests in the same order give the same faults. To each request
    happens at most one, that of the first rule that applies. The counters go on with whatever
    uses the plan; a new plan begins anew.

    Args:
        rules: The rules, the first that applies wins.
        seed: Decides whatever is random.

    Attributes:
        injected: How many faults there were, by kind.
    """

    def __init__(self, rules: Iterable[FaultRule] = (), *, seed: int = 0) -> None:
        self.rules = tuple(rules)
        self.seed = seed
        self.injected: Counter[str] = Counter()
        self._states = [
            RuleState.begin(rule, seed, number) for number, rule in enumerate(self.rules)
        ]

    def __repr__(self) -> str:
        return f"<FaultPlan of {len(self.rules)} rules, seed {self.seed}>"

    @classmethod
    def load(cls, path: Path | str) -> FaultPlan:
        """Read a plan from a file in TOML or JSON, as its name says.

        Raises:
            ConfigurationError: It cannot be read, or is no plan; the message names the file, the
                rule and the problem.
        """
        content = read_plan(Path(path))
        return cls(content.rules, seed=content.seed)

    @classmethod
    def random(
        cls,
        seed: int,
        *,
        reset: float = 0.0,
        answer_lost: float = 0.0,
        server_error: float = 0.0,
        throttled: float = 0.0,
        half_open: float = 0.0,
        truncated: float = 0.0,
        garbage: float = 0.0,
        retry_after: float = 0.05,
    ) -> FaultPlan:
        """Return a plan for faults at random, to any request.

        Args:
            seed: Decides which requests.
            reset: Share of requests, from 0 to 1, whose connection is reset before they are
                carried out.
            answer_lost: The same, but after they were carried out.
            server_error: Share that is answered with 503, not carried out.
            throttled: Share that is answered with 429.
            half_open: Share that is neither carried out nor answered.
            truncated: Share that is carried out, and whose answer breaks off.
            garbage: Share that is not carried out, and answered with a page of HTML.
            retry_after: Seconds after which throttled requests are asked to come again.
        """
        throttle = Throttled(retry_after, header="x-acs-retry-after")
        shares = (
            (Reset(), reset),
            (Reset(processed=True), answer_lost),
            (ServerError(), server_error),
            (throttle, throttled),
            (HalfOpen(), half_open),
            (Truncated(), truncated),
            (Garbage(), garbage),
        )
        # Also those that never happen: the numbers of the others stay the same.
        return cls([FaultRule(fault, probability=share) for fault, share in shares], seed=seed)

    def decide(self, request: RequestFacts) -> RuleState | None:
        """Return the rule whose fault happens to *request*, and count it."""
        # Every rule sees every request, so that none depends on those before it.
        firing = [state for state in self._states if state.fires(request)]
        if not firing:
            return None
        winner = firing[0]
        winner.injected += 1
        self.injected[winner.rule.fault.kind] += 1
        return winner

    def check(self, host: HostName) -> None:
        """Make sure that all of it can be done where it is to be done.

        Raises:
            ConfigurationError: Some of it cannot.
        """
        for number, rule in enumerate(self.rules):
            if host not in rule.fault.hosts:
                needed = " or ".join(_HOSTS[name] for name in sorted(rule.fault.hosts))
                raise ConfigurationError(
                    f"Rule {number} of the faults cannot be used here: {rule.fault.kind} needs "
                    f"{needed}"
                )

    def for_runtime(self, kill: Kill) -> Injector:
        """Return what a local runtime uses to inject it."""
        from agentbay.testing.faults.injector import PlanInjector

        self.check("runtime")
        return PlanInjector(self, kill=kill)


_HOSTS = {"proxy": "a FaultProxy", "runtime": "a local runtime", "server": "a RecordingServer"}
