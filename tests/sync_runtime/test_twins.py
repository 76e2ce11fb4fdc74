"""Awaitable members of blocking objects: awaitable from any loop, which they never block."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from agentbay._portal import run
from tests.sync_runtime.machine import Machine


async def test_the_outcome_is_awaited() -> None:
    assert await Machine().echo_async("value") == "value"


async def test_an_error_is_raised_where_it_is_awaited() -> None:
    with pytest.raises(LookupError, match="missing"):
        await Machine().fail_async(LookupError("missing"))


async def test_many_twins_run_at_once() -> None:
    machine = Machine()
    numbers = range(50)
    assert await asyncio.gather(*map(machine.echo_async, numbers)) == list(numbers)


def test_two_loops_await_twins_of_one_object() -> None:
    machine = Machine()

    async def work(number: int) -> list[int]:
        return [await machine.echo_async(number) for _ in range(20)]

    results: dict[int, list[int]] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: asyncio.run(work(n))}))
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == {0: [0] * 20, 1: [1] * 20}


def test_a_twin_can_be_awaited_on_the_loop_of_the_blocking_clients() -> None:
    assert run(Machine().echo_async("own loop")) == "own loop"


async def test_the_calling_loop_goes_on_meanwhile() -> None:
    hanging = anyio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(Machine().hang_async(lambda: loop.call_soon_threadsafe(hanging.set)))
    with anyio.fail_after(20):
        await hanging.wait()  # set through this loop while the twin is being awaited
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("scoped", [False, True], ids=["native", "cancel-scope"])
async def test_cancellation_waits_for_the_clean_up(
    scoped: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        if scoped:
            await Machine().hang_async(lambda: loop.call_soon_threadsafe(scope.cancel))
    if not scoped:
        hanging = anyio.Event()
        task = asyncio.create_task(
            Machine().hang_async(lambda: loop.call_soon_threadsafe(hanging.set))
        )
        await hanging.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert capsys.readouterr().out.splitlines() == ["hanging", "cleaned up"]


async def test_a_twin_that_is_given_up_before_its_first_step_leaves_no_coroutine() -> None:
    task = asyncio.create_task(Machine().echo_async("never"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
