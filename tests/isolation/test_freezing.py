"""Frozen sandboxes: nothing runs, nothing is lost, nothing is left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from agentbay.local.sandbox.base import SandboxDiedError, SandboxError, SandboxSpec
from agentbay.local.sandbox.bubblewrap import Bubblewrap
from agentbay.local.sandbox.cgroups import Cgroup
from agentbay.local.sandbox.unisolated import Unisolated
from tests.isolation.processes import Holdings, names_in, wait_all_gone
from tests.worker.support import call, read, sh

if TYPE_CHECKING:
    from pathlib import Path

    from agentbay.local.sandbox.base import Isolation, Sandbox
    from agentbay.local.sandbox.running import LocalSandbox
    from tests.isolation.conftest import StartFunction

# Long enough for a running counter to be seen: that nothing happens has no event.
LOOK_SECONDS = 0.1
GONE_SECONDS = 10.0
# Less than it takes to give up on an orderly end.
CLOSE_SECONDS = 4.0
COUNT = "while :; do echo x >>count; done >/dev/null 2>&1 &"


@pytest.fixture(params=["groups", "signals", "none"])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Isolation:
    """Each way to freeze; control groups only where they are to be had."""
    if request.param == "signals":
        monkeypatch.setattr(Cgroup, "can_freeze", False)
    return Unisolated() if request.param == "none" else Bubblewrap()


def inside(sandbox: Sandbox, name: str) -> Path:
    """Return a file of the home directory as the host sees it."""
    files = sandbox.spec.root / "fs"
    home = files / sandbox.home.lstrip("/") if files.exists() else sandbox.spec.root
    return home / name


async def counted(sandbox: Sandbox) -> bool:
    """Tell whether the counter runs."""
    file = inside(sandbox, "count")
    before = file.stat().st_size
    await anyio.sleep(LOOK_SECONDS)
    return file.stat().st_size > before


async def goes_on(sandbox: Sandbox) -> None:
    """Wait until the counter counts; on a machine with other work that may take a while."""
    with anyio.fail_after(GONE_SECONDS):
        while not await counted(sandbox):
            pass


async def test_a_counter_stops_and_goes_on(start: StartFunction, isolation: Isolation) -> None:
    sandbox = await start(isolation)
    await sh(sandbox, f"touch count; {COUNT}")
    assert await counted(sandbox)
    for _ in range(3):
        await sandbox.freeze()
        assert not await counted(sandbox)
        await sandbox.thaw()
        assert await counted(sandbox)
    assert (await sh(sandbox, "echo alive")).stdout == "alive\n"


async def test_memory_stays(start: StartFunction, isolation: Isolation) -> None:
    sandbox = await start(isolation)
    keep = "import time; data = bytes(range(256)) * 40_000; open('kept', 'w')\n"
    wait = "while not __import__('os').path.exists('go'): time.sleep(0.01)\n"
    tell = "print(data == bytes(range(256)) * 40_000)"
    result: list[str] = []
    async with anyio.create_task_group() as group:

        async def run() -> None:
            result.append((await sh(sandbox, f'python3 -c "{keep}{wait}{tell}"')).stdout)

        group.start_soon(run)
        await sh(sandbox, "until [ -e kept ]; do sleep 0.01; done")
        await sandbox.freeze()
        await sandbox.thaw()
        await call(sandbox, "write_file", b"", path="go")
    assert result == ["True\n"]


async def test_a_command_keeps_its_time(start: StartFunction, isolation: Isolation) -> None:
    """Neither the worker nor the runtime counts the time for which it was frozen."""
    sandbox = await start(isolation)
    result: list[str] = []
    async with anyio.create_task_group() as group:

        async def run() -> None:
            command = "touch begun; until [ -e go ]; do sleep 0.02; done; echo done"
            finished = await sh(sandbox, command, timeout_ms=2000, timeout=2.1)
            result.append(finished.stdout)

        group.start_soon(run)
        await sh(sandbox, "until [ -e begun ]; do sleep 0.01; done")
        await sandbox.freeze()
        await anyio.sleep(2.2)
        await sandbox.thaw()
        await call(sandbox, "write_file", b"", path="go")
    assert result == ["done\n"]


async def test_a_frozen_sandbox_can_be_closed(tmp_path: Path, isolation: Isolation) -> None:
    before = Holdings()
    sandbox = await isolation.start(SandboxSpec(id="frozen", root=tmp_path / "root"))
    await sh(sandbox, f"{COUNT} setsid sleep 1000 >/dev/null 2>&1 &")
    with anyio.fail_after(GONE_SECONDS):
        while len(found := local(sandbox).processes()) < 3:
            await anyio.lowlevel.checkpoint()
    pidfds = [os.pidfd_open(process.pid) for process in found]
    await sandbox.freeze()
    began = anyio.current_time()
    await sandbox.close()
    assert anyio.current_time() - began < CLOSE_SECONDS
    assert wait_all_gone(pidfds, GONE_SECONDS)
    assert names_in(tmp_path) == []
    assert before.grown() == set()
    for method in (sandbox.freeze, sandbox.thaw, sandbox.usage):
        with pytest.raises(SandboxDiedError):
            await method()


async def test_closing_while_it_is_being_frozen(tmp_path: Path, isolation: Isolation) -> None:
    sandbox = await isolation.start(SandboxSpec(id="both", root=tmp_path / "root"))
    await sh(sandbox, COUNT)
    async with anyio.create_task_group() as group:
        group.start_soon(sandbox.close)

        async def freeze() -> None:
            with pytest.raises(SandboxDiedError):
                await sandbox.freeze()

        group.start_soon(freeze)
    sandbox = await isolation.start(SandboxSpec(id="both", root=tmp_path / "root"))
    await sh(sandbox, COUNT)
    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(sandbox.freeze)
        group.start_soon(sandbox.close)
    assert anyio.current_time() - began < CLOSE_SECONDS
    assert names_in(tmp_path) == []


def local(sandbox: Sandbox) -> LocalSandbox:
    return sandbox  # type: ignore[return-value]  # all of them are


def stopped_in(sandbox: Sandbox) -> list[int]:
    return [process.pid for process in local(sandbox).processes() if process.state == "T"]


async def test_a_freeze_that_fails_lets_everything_go_on(
    start: StartFunction, isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = await start(isolation)
    await sh(sandbox, f"touch count; {COUNT}")
    stop = local(sandbox).stop_processes

    async def stop_and_fail() -> None:
        await stop()
        raise SandboxError("some do not stop")

    with monkeypatch.context() as patch:  # the kernel cannot be made to
        patch.setattr(sandbox, "stop_processes", stop_and_fail)
        with pytest.raises(SandboxError, match="some do not stop"):
            await sandbox.freeze()
    assert await counted(sandbox)
    await sandbox.freeze()
    assert not await counted(sandbox)
    await sandbox.thaw()


async def test_who_was_stopped_stays_stopped(start: StartFunction, isolation: Isolation) -> None:
    sandbox = await start(isolation)
    await sh(sandbox, "sleep 1000 >/dev/null 2>&1 & kill -STOP $!; echo $! >pid")
    with anyio.fail_after(GONE_SECONDS):  # the signal takes effect when it wakes up
        while not (stopped := stopped_in(sandbox)):  # noqa: ASYNC110 - no event tells
            await anyio.sleep(0.005)
    await sandbox.freeze()
    await sandbox.thaw()
    assert stopped_in(sandbox) == stopped
    await sh(sandbox, "kill -KILL $(cat pid)")


async def test_a_process_that_never_stays_is_stopped(
    start: StartFunction, isolation: Isolation
) -> None:
    """It is always another one: each starts the next and ends."""
    sandbox = await start(isolation)
    hop = b"echo x >>count\n[ -e over ] || sh hop &\n"
    await call(sandbox, "write_file", hop, path="hop")
    await sh(sandbox, "touch count; setsid sh hop >/dev/null 2>&1 &")
    for _ in range(5):
        await goes_on(sandbox)
        await sandbox.freeze()
        assert not await counted(sandbox)
        await sandbox.thaw()
    await call(sandbox, "write_file", b"", path="over")


async def test_it_is_the_same_after_many_times(start: StartFunction, isolation: Isolation) -> None:
    sandbox = await start(isolation, env={"GIVEN": "kept"})
    await sh(sandbox, f"echo content >file; touch count; {COUNT} echo $! >pid")
    before = Holdings()
    for _ in range(50):
        await sandbox.freeze()
        await sandbox.thaw()
    assert before.grown() == set()
    assert await counted(sandbox)
    assert await read(sandbox, "file") == b"content\n"
    assert (await sh(sandbox, "kill -0 $(cat pid) && echo $GIVEN")).stdout == "kept\n"


async def test_usage_is_measured(start: StartFunction, isolation: Isolation) -> None:
    sandbox = await start(isolation)
    before = await sandbox.usage()
    hold = "import time; data = b'x' * (100 << 20); open('kept', 'w'); time.sleep(1000)"
    await sh(sandbox, f'python3 -c "{hold}" >/dev/null 2>&1 &')
    work = "import time\nwhile time.process_time() < 0.5: pass"
    await sh(sandbox, f'python3 -c "{work}"; until [ -e kept ]; do sleep 0.01; done')
    after = await sandbox.usage()
    assert after.cpu_seconds - before.cpu_seconds > 0.4
    assert after.memory_bytes - before.memory_bytes > 99 << 20
    assert after.memory_bytes < after.memory_total
    await sh(sandbox, "head -c 50000000 /dev/zero >big")
    assert (await sandbox.usage()).memory_bytes - after.memory_bytes < 20_000_000
    assert 0 < after.disk_bytes < after.disk_total
    assert after.cpus == len(os.sched_getaffinity(0))
