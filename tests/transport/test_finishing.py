"""Work goes on to its end whatever happens to who waits for it; events say when, nothing sleeps."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint

from agentbay._transport.finishing import finish, finish_or_undo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any


class Work:
    """Goes on until it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        self.ended = False

    async def __call__(self) -> str:
        self.begun.set()
        await self.let_go.wait()
        if self._error is not None:
            raise self._error
        self.ended = True
        return "made"


def start(work: Callable[[], Coroutine[Any, Any, str]], grace: float) -> asyncio.Task[str]:
    return asyncio.get_running_loop().create_task(finish(work, grace=grace))


async def test_what_is_not_cancelled_returns_or_raises() -> None:
    good, bad = Work(), Work(LookupError())
    good.let_go.set()
    bad.let_go.set()
    assert await finish(good, grace=0) == "made"
    with pytest.raises(LookupError):
        await finish(bad, grace=0)


async def test_a_task_may_be_cancelled_however_often() -> None:
    work = Work()
    task = start(work, math.inf)
    await work.begun.wait()
    for _ in range(5):
        task.cancel()
        await checkpoint()
        assert not task.done()
    work.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended


async def test_a_cancelled_scope_waits_without_spinning() -> None:
    work = Work()
    asyncio.get_running_loop().call_soon(work.let_go.set)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await finish(work, grace=math.inf)
    assert scope.cancelled_caught
    assert work.ended


async def test_after_the_grace_the_work_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    task = start(work, 0)
    await work.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not work.ended
    assert "given up" in caplog.text


async def test_an_error_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "agentbay")
    work = Work(LookupError("lost"))
    task = start(work, math.inf)
    await work.begun.wait()
    task.cancel()
    await checkpoint()
    work.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "lost" in caplog.text


async def test_work_can_be_asked_to_end_sooner() -> None:
    work = Work()
    task = asyncio.create_task(finish(work, grace=math.inf, on_cancel=work.let_go.set))
    await work.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended


async def undone(made: list[str], end: Callable[[asyncio.Task[str]], Awaitable[None]]) -> None:
    work = Work()

    async def undo(result: str) -> None:
        await checkpoint()
        made.append(result)

    task = asyncio.create_task(finish_or_undo(work, undo, grace=math.inf))
    await work.begun.wait()
    task.cancel()
    work.let_go.set()
    await end(task)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_was_made_for_nobody_is_undone() -> None:
    made: list[str] = []

    async def wait(task: asyncio.Task[str]) -> None:
        await asyncio.wait([task])

    await undone(made, wait)
    assert made == ["made"]


async def test_undoing_may_be_cancelled_as_well() -> None:
    made: list[str] = []

    async def cancel_until_done(task: asyncio.Task[str]) -> None:
        while not task.done():
            task.cancel()
            await checkpoint()

    await undone(made, cancel_until_done)
    assert made == ["made"]


async def test_a_failure_leaves_nothing_to_undo() -> None:
    work = Work(LookupError())
    work.let_go.set()

    async def undo(result: str) -> None:
        raise AssertionError(result)

    with pytest.raises(LookupError):
        await finish_or_undo(work, undo, grace=0)
