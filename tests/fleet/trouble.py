"""A fleet on a service in trouble, and what became of it: for the tests and for measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from agentbay import AsyncAgentBay, Config, FleetStats
from agentbay.testing import RecordingServer
from agentbay.testing.faults import FaultPlan, FaultRule, HalfOpen, Reset, ServerError, Throttled
from tests.surfaces import callback_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentbay import AsyncSession

__all__ = ("Report", "run")

TIMEOUT_MS = 4000
CONCURRENCY = 100
RETRIES = 9


@frozen(kw_only=True)
class Report:
    """What became of the items of one run, and of its sessions."""

    values: list[int]
    errors: list[str]
    sessions_left: int
    sessions_made: int
    stats: FleetStats
    injected: dict[str, int]


def plan(seed: int) -> FaultPlan:
    """Return faults for 16 of 100 requests: half of those that can be are after the fact."""
    rules = (
        (Reset(), 0.025),
        (Reset(processed=True), 0.025),
        (ServerError(503), 0.02),
        (ServerError(500, processed=True), 0.02),
        (ServerError(502, processed=True), 0.01),
        (Throttled(0.05, header="x-acs-retry-after"), 0.05),
        (HalfOpen(), 0.005),
        (HalfOpen(processed=True), 0.005),
    )
    return FaultPlan([FaultRule(fault, probability=share) for fault, share in rules], seed=seed)


async def square(session: AsyncSession, item: int) -> int:
    """Use the session for an item."""
    (await session.command.execute_command(f"echo {item}")).raise_for_error()
    return item * item


async def run(seed: int, items: int, connect: Callable[..., Any] = AsyncAgentBay) -> Report:
    """Work on *items* with a service to which the faults of *seed* happen."""
    faults = plan(seed)
    async with RecordingServer(record=False, faults=faults) as server:
        config = Config(endpoint=server.endpoint, timeout_ms=TIMEOUT_MS)
        async with connect(server.api_key, config) as bay:
            values, errors = [], []
            async with bay.fleet(concurrency=CONCURRENCY) as fleet:
                outcomes = fleet.map(
                    callback_for(bay, square),
                    range(items),
                    timeout=TIMEOUT_MS / 1000,
                    retries=RETRIES,
                )
                async for outcome in outcomes:
                    if outcome.success:
                        values.append(outcome.value)
                    else:
                        errors.append(f"{outcome.item}: {outcome.error!r}")
        return Report(
            values=sorted(values),
            errors=errors,
            sessions_left=len(server.sessions),
            sessions_made=server.sessions_created,
            stats=fleet.stats,
            injected=dict(faults.injected),
        )
