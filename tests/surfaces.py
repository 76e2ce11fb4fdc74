"""One source of behaviour tests for both surfaces.

Tests are written against the asynchronous surface. :func:`lift` gives a blocking object the same
face: every call runs in a worker thread, every blocking object that comes back is lifted too.
"""

from __future__ import annotations

import asyncio
import inspect
import operator
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, cast

import anyio.to_thread
import attrs

from agentbay import AsyncAgentBay
from agentbay._portal import Mirror

_END = object()


class Lift:
    """An awaitable view of one blocking object."""

    def __init__(self, blocking: Mirror[Any]) -> None:
        self._blocking = blocking

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._blocking, name)
        if not callable(value) or isinstance(value, Mirror):
            return lifted(value)
        on_async = inspect.getattr_static(type(self._blocking._impl), name)
        if not inspect.iscoroutinefunction(on_async):
            return lambda *args, **kwargs: lifted(value(*lowered(args), **kwargs))
        if inspect.iscoroutinefunction(value):
            return value  # an awaitable twin
        return partial(self._call, value)

    async def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return lifted(await anyio.to_thread.run_sync(partial(function, *lowered(args), **kwargs)))

    async def __aenter__(self) -> Any:
        return await self._call(cast("Any", self._blocking).__enter__)

    async def __aexit__(self, *exc_info: object) -> Any:
        # A cancelled test must still leave its block, as a blocking program would.
        with anyio.CancelScope(shield=True):
            return await self._call(cast("Any", self._blocking).__exit__, *exc_info)

    def __aiter__(self) -> Lift:
        return self

    async def __anext__(self) -> Any:
        value = await self._call(next, self._blocking, _END)
        if value is _END:
            raise StopAsyncIteration
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lift) and other._blocking is self._blocking

    def __hash__(self) -> int:
        return hash(self._blocking)

    def __repr__(self) -> str:
        return f"<lifted {self._blocking!r}>"


def lifted(value: Any) -> Any:
    """Lift *value*, or what it holds, if it is a blocking object."""
    if isinstance(value, Mirror):
        return Lift(value)
    if isinstance(value, list):
        items = [lifted(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            held = getattr(value, field.name)
            if field.metadata.get("handle") and isinstance(held, Mirror):
                return attrs.evolve(value, **{field.name: Lift(held)})
    return value


def lowered(args: Iterable[Any]) -> list[Any]:
    """Return *args* with lifted objects, and those in lists, as the blocking ones behind them."""
    return [
        arg._blocking if isinstance(arg, Lift) else (lowered(arg) if isinstance(arg, list) else arg)
        for arg in args
    ]


def callback_for(bay: AsyncAgentBay, function: Callable[..., Awaitable[Any]]) -> Any:
    """Return *function* as the surface of *bay* takes it: as it is, or a blocking one."""
    if not isinstance(bay, Lift):
        return function

    def blocking(*args: Any) -> Any:
        async def call() -> Any:
            return await function(*map(lifted, args))

        return asyncio.run(call())

    return blocking


def lift(blocking: Mirror[Any]) -> AsyncAgentBay:
    """Return the awaitable view of a blocking client."""
    return cast("AsyncAgentBay", Lift(blocking))
