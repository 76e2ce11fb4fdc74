"""What a sandbox may use is bounded, and the worker outlives the attempt to use more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from agentbay.local.sandbox.base import Limits, Sandbox, WorkerError
from agentbay.local.sandbox.cgroups import Cgroups
from tests.worker.support import call, read, sh

if TYPE_CHECKING:
    from tests.isolation.conftest import StartFunction

MIB = 1024 * 1024


async def outcome(sandbox: Sandbox, command: str) -> int | str:
    """Return the exit code of a command, or why it could not be run."""
    try:
        return (await sh(sandbox, command, timeout_ms=5000)).exit_code
    except WorkerError as exc:
        return exc.code


async def test_a_fork_bomb_in_the_foreground(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(processes=64))
    code = """
import os
while True:
    try:
        os.fork()
    except OSError:
        os.close(os.open("refused", os.O_CREAT))
"""
    done = await sh(sandbox, f"exec python3 -c '{code}'", timeout_ms=500)
    assert done.timed_out
    assert (await sh(sandbox, "ls")).stdout == "refused\n"
    assert (await sh(sandbox, "echo alive")).stdout == "alive\n"
    assert (await sh(sandbox, "ls -d /proc/[0-9]* | wc -l")).stdout.strip() in ("4", "5", "6")


async def test_a_fork_bomb_in_the_background(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(processes=64))
    await sh(sandbox, "(bomb() { bomb | bomb & }; bomb) >/dev/null 2>&1 & echo lit")
    # The bomb goes on: files are served by a thread that is there already, and a command gets
    # its process or is told why not.
    assert await read(sandbox, "/etc/hostname") == f"{sandbox.spec.id}\n".encode()
    for _ in range(5):
        assert await outcome(sandbox, "exec echo alive") in (0, 2, "resource_limit")
    assert sandbox.alive


async def test_threads_and_processes_count_together(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(processes=40))
    code = """
import subprocess
try:
    started = []
    while True:
        started.append(subprocess.Popen(["sleep", "100"]))
except OSError as exc:
    print(len(started) < 40, exc.errno)
for process in started:
    process.kill()
"""
    done = await sh(sandbox, f"python3 -c '{code}'")
    assert done.stdout == "True 11\n"


async def test_refused_threads_are_a_clear_error(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(processes=24))
    codes: list[int | str] = []

    async def occupy(number: int) -> None:
        codes.append(await outcome(sandbox, "exec cat /tmp/wait"))

    await sh(sandbox, "mkfifo /tmp/wait")
    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(occupy, number)
        while not codes:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert set(codes) == {"resource_limit"}
    with anyio.fail_after(10):  # the cancelled commands give their threads back one by one
        while (left := await outcome(sandbox, "exec echo alive")) != 0:
            assert left == "resource_limit"


async def test_a_memory_hog(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(memory_bytes=128 * MIB))
    done = await sh(sandbox, "python3 -c 'x = b\"x\" * (1 << 30); print(len(x))'")
    assert done.exit_code != 0
    assert done.stdout == ""
    assert (await sh(sandbox, "echo alive")).stdout == "alive\n"


async def test_shared_memory_is_bounded(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(memory_bytes=128 * MIB))
    done = await sh(sandbox, "head -c 1G /dev/zero >/dev/shm/big; stat -c %s /dev/shm/big")
    assert int(done.stdout) <= 64 * MIB
    assert "No space left" in done.stderr


async def test_a_gigabyte_of_output_is_never_held(start: StartFunction) -> None:
    sandbox = await start()
    done = await sh(sandbox, "head -c 1G /dev/zero", output_bytes=MIB)
    assert done.output_limit
    assert len(done.raw["stdout"]) == MIB
    peak = await sh(sandbox, "grep VmHWM /proc/2/status | tr -dc 0-9")
    assert int(peak.stdout) * 1024 < 64 * MIB


async def test_open_files(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(open_files=100))
    done = await sh(sandbox, "ulimit -n; ulimit -Hn; ulimit -n 200")
    assert done.stdout == "100\n100\n"
    assert done.exit_code != 0


async def test_file_size(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(file_bytes=MIB))
    done = await sh(sandbox, "head -c 5M /dev/zero >big; stat -c %s big")
    assert int(done.stdout) == MIB
    with pytest.raises(WorkerError) as caught:
        await call(sandbox, "write_file", bytes(2 * MIB), path="other")
    assert caught.value.code == "resource_limit"
    assert (await sh(sandbox, "ls -A")).stdout == "big\n"


async def test_cpu_time(start: StartFunction) -> None:
    sandbox = await start(limits=Limits(cpu_seconds=1))
    done = await sh(sandbox, "while :; do :; done")
    assert done.signal in (9, 24)
    assert (await sh(sandbox, 'echo "$0 a  b"')).stdout == "/bin/sh a  b\n"


async def test_no_core_files(start: StartFunction) -> None:
    sandbox = await start()
    done = await sh(sandbox, "ulimit -c; kill -ABRT $$")
    assert (done.stdout, done.signal) == ("0\n", 6)


SPIN = """
import os, time
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
for _ in range(COUNT - 1):
    if os.fork() == 0:
        os.setsid()  # or else the kernel may see one group of processes
        break
while time.time() < END:
    pass
print(time.process_time(), flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""


async def test_processors_are_shared_out_by_sandbox_not_by_process(start: StartFunction) -> None:
    used: list[float] = []

    async def spin(sandbox: Sandbox, count: int, end: float) -> None:
        code = SPIN.replace("COUNT", str(count)).replace("END", str(end))
        done = await sh(sandbox, f"exec python3 -c '{code}'", timeout_ms=20_000)
        assert done.exit_code == 0, done
        used.append(sum(map(float, done.stdout.split())))

    crowd, single = await start(), await start()
    end = time.time() + 1.5
    async with anyio.create_task_group() as group:
        group.start_soon(spin, crowd, 12, end)
        group.start_soon(spin, single, 1, end)
    is_shared_out = "cpu" in Cgroups.detect().controllers
    assert (min(used) > sum(used) / 4) == is_shared_out  # a thirteenth otherwise
