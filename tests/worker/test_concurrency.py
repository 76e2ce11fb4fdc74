"""Many calls on one socket."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay.local.worker.threads import ThreadPool, TurnLock
from tests.worker.support import call, read, sh

if TYPE_CHECKING:
    from agentbay.local.sandbox.base import Sandbox

DEADLINE_SECONDS = 30.0


async def test_fifty_calls_do_not_wait_for_a_sleeping_one(sandbox: Sandbox, folder: str) -> None:
    outputs: list[str] = []

    async def echo(number: int) -> None:
        outputs.append((await sh(sandbox, f"echo {number}")).stdout)

    async with anyio.create_task_group() as sleeping:
        sleeping.start_soon(sh, sandbox, f"mkfifo {folder}/wait; cat {folder}/wait")
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(echo, number)
        assert sorted(map(int, outputs)) == list(range(50))
        await sh(sandbox, f"while ! test -p {folder}/wait; do :; done; echo >{folder}/wait")


async def test_fifty_calls_that_need_each_other(sandbox: Sandbox, folder: str) -> None:
    """Every call but the last waits, so all fifty have to run at the same time."""
    done: list[str] = []

    async def wait(number: int) -> None:
        done.append((await sh(sandbox, f"cat {folder}/{number}")).stdout)

    names = " ".join(map(str, range(49)))
    await sh(sandbox, f"mkfifo {names}", cwd=folder)
    async with anyio.create_task_group() as group:
        for number in range(49):
            group.start_soon(wait, number)
        await sh(sandbox, f"for name in {names}; do echo go >$name; done", cwd=folder)
    assert done == ["go\n"] * 49


async def test_more_calls_than_threads(sandbox: Sandbox) -> None:
    outputs: list[str] = []

    async def echo(number: int) -> None:
        outputs.append((await sh(sandbox, f"echo {number}")).stdout)

    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(echo, number)
    assert sorted(map(int, outputs)) == list(range(200))


async def test_small_answers_pass_big_ones(sandbox: Sandbox, folder: str) -> None:
    order: list[str] = []
    await sh(sandbox, "truncate -s 200M big", cwd=folder)

    async def big() -> None:
        assert len(await read(sandbox, f"{folder}/big")) == 200 * 1024 * 1024
        order.append("big")

    async def small() -> None:
        for _ in range(5):
            await read(sandbox, "/etc/hostname")
            order.append("small")

    async with anyio.create_task_group() as group:
        group.start_soon(big)
        group.start_soon(small)
    assert order == ["small"] * 5 + ["big"]


async def test_big_answers_do_not_mix(sandbox: Sandbox, folder: str) -> None:
    contents = {f"{folder}/{number}": os.urandom(3_000_000) for number in range(4)}

    async def round_trip(path: str, data: bytes) -> None:
        await call(sandbox, "write_file", data, path=path)
        assert await read(sandbox, path) == data

    async with anyio.create_task_group() as group:
        for path, data in contents.items():
            group.start_soon(round_trip, path, data)


async def test_cancelled_transfers_leave_the_link_in_order(sandbox: Sandbox, folder: str) -> None:
    data = os.urandom(20_000_000)
    for _ in range(5):
        with anyio.move_on_after(0.005):
            await call(sandbox, "write_file", data, path=f"{folder}/never-mind")
    await call(sandbox, "write_file", data, path=f"{folder}/kept")
    for _ in range(5):
        with anyio.move_on_after(0.005):
            await read(sandbox, f"{folder}/kept")
    assert await read(sandbox, f"{folder}/kept") == data


async def test_payloads_above_the_bound_are_refused(sandbox: Sandbox, folder: str) -> None:
    from agentbay.local.sandbox.base import WorkerError
    from agentbay.local.worker.frames import MAX_MESSAGE_BYTES

    with pytest.raises(WorkerError) as caught:
        await call(sandbox, "write_file", bytes(MAX_MESSAGE_BYTES + 1), path=f"{folder}/huge")
    assert caught.value.code == "too_large"
    assert (await sh(sandbox, "ls", cwd=folder)).stdout == ""


def test_turns_are_taken_in_the_order_of_arrival() -> None:
    lock = TurnLock()
    order: list[int] = []

    def take(number: int) -> None:
        with lock:
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(20)]
    with lock:
        for count, thread in enumerate(threads, 1):
            thread.start()
            while len(lock._waiting) < count:
                pass
        with lock._guard:
            assert order == []
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert order == list(range(20))


def test_threads_are_reused() -> None:
    pool = ThreadPool(most=8, spare=1)
    pool.start()
    used: set[int] = set()
    for _ in range(50):
        done = threading.Event()

        def job(done: threading.Event = done) -> None:
            used.add(threading.get_ident())
            done.set()

        pool.submit(job)
        assert done.wait(DEADLINE_SECONDS)
    assert len(used) <= 2
