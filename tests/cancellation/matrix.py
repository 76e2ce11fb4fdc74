"""Cut an operation short at every one of its suspensions, in each of several ways."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

import anyio
from attrs import frozen

from tests.cancellation.injection import Injection
from tests.cancellation.world import PATIENCE, World, eventually

if TYPE_CHECKING:
    from tests.cancellation.operations import Call, Operation

__all__ = ("Way", "cut_short_everywhere")

EVERYWHERE = bool(os.environ.get("CANCEL_EVERYWHERE"))
"""Whether every operation is cut short at each suspension and in each way, which takes long."""
DENSE, STRIDE = 12, 11
"""Otherwise: up to where each suspension gets its turn, and how far apart the others are."""
LONGEST_CALL = 30.0


class Way(Enum):
    """How an operation is cancelled.

    Each value says whether by a cancel scope, and at which further suspensions once more by the
    task, counted from the first cancellation.
    """

    TASK = (False, ())
    SCOPE = (True, ())
    TASK_TWICE = (False, (1,))
    TASK_THRICE = (False, (2, 3))
    SCOPE_THEN_TASK = (True, (1,))


@frozen
class Attempt:
    """How a call went that was to be cut short at one suspension."""

    reached: bool
    suspensions: int


async def cut_short_everywhere(
    world: World, operation: Operation, way: Way, *, costly: bool = False
) -> int:
    """Run *operation* again and again, cut short later each time; return how often.

    Args:
        world: What it works on.
        operation: The operation.
        way: How it is cut short.
        costly: Whether it takes so long that only some suspensions get their turn.

    Raises:
        AssertionError: something is left over.
    """
    point, attempts = 1, 0
    with _no_complaints():
        while (await _cut_short(world, operation, way, point)).reached:
            attempts += 1
            point += 1 if EVERYWHERE or (point < DENSE and not costly) else STRIDE
        gc.collect()  # what was never awaited or closed says so
        await asyncio.sleep(0)
    return attempts


async def _cut_short(world: World, operation: Operation, way: Way, point: int) -> Attempt:
    try:
        async with aclosing(operation(world)) as steps:
            call = await anext(steps)
            tasks, connections = asyncio.all_tasks(), world.connections()
            attempt = await _run(call, way, point)
            await _all_ended(asyncio.all_tasks() - tasks)

            async def are_free() -> bool:
                return world.connections() <= connections

            await eventually(are_free, "no connection is in use")
            async for _ in steps:
                raise AssertionError("an operation has one call")
        await world.check_untouched()
    except Exception as exc:
        raise AssertionError(f"{way.name} at suspension {point}: {exc!r}") from exc
    return attempt


async def _run(call: Call, way: Way, point: int) -> Attempt:
    by_scope, again = way.value
    scope = anyio.CancelScope()
    was_cut = False

    def cut() -> None:
        nonlocal was_cut
        if root.done():
            return  # it was another task of the operation, which ends a moment later
        was_cut = True
        if by_scope and not scope.cancel_called:
            scope.cancel()
        else:
            root.cancel()

    async def operation() -> None:
        with scope:
            await call()

    loop = asyncio.get_running_loop()
    points = (point, *(point + further for further in again))
    with Injection(loop, cut, points) as injection:
        root = loop.create_task(operation())
        ended, _ = await asyncio.wait([root], timeout=LONGEST_CALL)
        if not ended:
            stack = "\n".join(map(str, root.get_stack()))
            root.cancel()
            raise AssertionError(f"the call does not end: {stack}")
    if not root.cancelled():
        root.result()  # a call that is cut short fails in no other way
        # A call under a shield may end well; but nothing may swallow a task's own cancellation.
        assert by_scope or not was_cut, "the cancellation was swallowed"
    return Attempt(was_cut, injection.count)


async def _all_ended(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=PATIENCE)
        assert not left, f"tasks are left: {left}"


@contextmanager
def _no_complaints() -> Iterator[None]:
    """Fail for what the loop would only log, such as an exception that was never retrieved."""
    loop = asyncio.get_running_loop()
    said: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: said.append(context))
    try:
        yield
    finally:
        loop.set_exception_handler(None)
    assert not said, said
