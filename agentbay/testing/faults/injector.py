"""A plan at work in one server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web
from attrs import frozen

from agentbay.errors import ServiceError
from agentbay.local.faults import DISK_BYTES, Injector, Kill
from agentbay.testing.faults import kinds, texts
from agentbay.testing.faults.exchange import Exchange
from agentbay.testing.faults.requests import RequestFacts, facts_of
from agentbay.testing.faults.transports import Cutting, Held, Slowed

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from agentbay.testing.faults.plan import FaultPlan

__all__ = ("PlanInjector",)

_Refuse = Callable[[float], Awaitable[None]]

logger = logging.getLogger(__name__)


class PlanInjector(Injector):
    """Does to the requests of one server what a plan says.

    Args:
        plan: The plan; it must have been checked.
        kill: Kills the sandbox of a session; of a local runtime.
        refuse: Takes no connections for so many seconds; of a proxy.
    """

    def __init__(
        self, plan: FaultPlan, *, kill: Kill | None = None, refuse: _Refuse | None = None
    ) -> None:
        self._plan = plan
        self._powers = _Powers(kill, refuse, asyncio.Event())

    def middleware(self, port_of: str = "") -> Middleware:
        """Return what to put around the requests of one application."""

        @web.middleware
        async def inject(request: web.Request, handler: Handler) -> web.StreamResponse:
            facts = await facts_of(request, port_of)
            chosen = self._plan.decide(facts)
            if chosen is None or request.transport is None:
                return await handler(request)
            fault = chosen.rule.fault
            logger.info("%s on route %s: %s", " ".join(facts.names), facts.route, fault)
            exchange = Exchange(request, handler, request.transport)
            case = _Case(exchange, facts, chosen.content, self._powers)
            try:
                return await _ACTIONS[type(fault)](case, fault)
            except ConnectionError:
                if not exchange.ended:
                    raise
                return web.Response()  # to nobody: the client has not waited for it

        return inject

    def close(self) -> None:
        """End the connections that are half open."""
        self._powers.end.set()


@frozen
class _Powers:
    """What only some servers can do."""

    kill: Kill | None
    refuse: _Refuse | None
    end: asyncio.Event


@frozen
class _Case:
    """A fault that is to happen to a request."""

    exchange: Exchange
    facts: RequestFacts
    content: random.Random
    powers: _Powers

    async def kill(self) -> None:
        """Kill the sandbox of the session, if there is one."""
        assert self.powers.kill is not None  # noqa: S101 - the plan was checked for it
        with contextlib.suppress(ServiceError):  # the session is gone already
            await self.powers.kill(self.facts.session_id)


async def _refused(case: _Case, fault: kinds.Refused) -> web.StreamResponse:
    assert case.powers.refuse is not None  # noqa: S101 - the plan was checked for it
    response = await case.exchange.without_answer(processed=False)
    await case.powers.refuse(fault.seconds)
    return response


async def _reset(case: _Case, fault: kinds.Reset) -> web.StreamResponse:
    response = await case.exchange.without_answer(processed=fault.processed)
    case.exchange.reset()
    return response


async def _half_open(case: _Case, fault: kinds.HalfOpen) -> web.StreamResponse:
    response = await case.exchange.without_answer(processed=fault.processed)
    await case.exchange.hold(case.powers.end)
    case.exchange.reset()
    return response


async def _slow(case: _Case, fault: kinds.Slow) -> web.StreamResponse:
    with case.exchange.through(Slowed, bytes_per_second=fault.bytes_per_second) as slowed:
        try:
            response = await case.exchange.carry_out()
            await slowed.finish()
        finally:
            slowed.stop()
    return response


async def _delay(case: _Case, fault: kinds.Delay) -> web.StreamResponse:
    if not fault.processed:
        await asyncio.sleep(fault.seconds)
        return await case.exchange.carry_out()
    return await _held(case, partial(asyncio.sleep, fault.seconds))


async def _held(case: _Case, until: Callable[[], Awaitable[None]]) -> web.StreamResponse:
    with case.exchange.through(Held, until=until) as held:
        try:
            response = await case.exchange.carry_out()
            await held.finish()
        finally:
            held.stop()
    return response


async def _truncated(case: _Case, fault: kinds.Truncated) -> web.StreamResponse:
    with case.exchange.through(Cutting, after=fault.after, short=True):
        response = await case.exchange.carry_out()
    case.exchange.close()
    return response


async def _cut(case: _Case, fault: kinds.Cut) -> web.StreamResponse:
    with case.exchange.through(Cutting, after=fault.after, short=False):
        return await case.exchange.carry_out()


async def _garbage(case: _Case, fault: kinds.Garbage) -> web.StreamResponse:
    data = texts.page(fault.status, case.content) if fault.http else texts.noise(case.content)
    return await case.exchange.answer(data, processed=fault.processed, close=not fault.http)


async def _throttled(case: _Case, fault: kinds.Throttled) -> web.StreamResponse:
    return await case.exchange.answer(texts.throttled(fault))


async def _server_error(case: _Case, fault: kinds.ServerError) -> web.StreamResponse:
    data = texts.server_error(fault.status)
    return await case.exchange.answer(data, processed=fault.processed)


async def _expired_token(case: _Case, _: kinds.ExpiredToken) -> web.StreamResponse:
    return await case.exchange.answer(texts.expired(case.facts.route))


async def _storage_full(case: _Case, _: kinds.StorageFull) -> web.StreamResponse:
    return await case.exchange.answer(texts.storage_full())


async def _disk_full(case: _Case, fault: kinds.DiskFull) -> web.StreamResponse:
    token = DISK_BYTES.set(fault.disk_bytes)
    try:
        return await case.exchange.carry_out()
    finally:
        DISK_BYTES.reset(token)


async def _sandbox_killed(case: _Case, fault: kinds.SandboxKilled) -> web.StreamResponse:
    if fault.processed:
        return await _held(case, case.kill)
    await case.kill()
    return await case.exchange.carry_out()


_ACTIONS: Mapping[type[kinds.Fault], Callable[[_Case, Any], Awaitable[web.StreamResponse]]] = {
    kinds.Cut: _cut,
    kinds.Delay: _delay,
    kinds.DiskFull: _disk_full,
    kinds.ExpiredToken: _expired_token,
    kinds.Garbage: _garbage,
    kinds.HalfOpen: _half_open,
    kinds.Refused: _refused,
    kinds.Reset: _reset,
    kinds.SandboxKilled: _sandbox_killed,
    kinds.ServerError: _server_error,
    kinds.Slow: _slow,
    kinds.StorageFull: _storage_full,
    kinds.Throttled: _throttled,
    kinds.Truncated: _truncated,
}
