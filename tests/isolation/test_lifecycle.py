"""Sandboxes begin and end without leaving anything behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay.local.sandbox.base import (
    Network,
    Sandbox,
    SandboxDiedError,
    SandboxError,
    SandboxSpec,
    WorkerError,
)
from agentbay.local.sandbox.bubblewrap import Bubblewrap
from agentbay.local.sandbox.cgroups import Cgroups
from agentbay.local.sandbox.trees import remove_tree
from agentbay.local.worker.leftovers import marked_processes
from tests.isolation.processes import (
    Holdings,
    control_groups,
    descendants,
    mentioning,
    names_in,
    program,
    wait_all_gone,
)
from tests.worker.support import call, sh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.isolation.conftest import StartFunction

GONE_SECONDS = 10.0


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """Compare descriptors, children, threads, directories and control groups before and after."""
    before = Holdings()
    yield
    assert before.grown_for_good() == set()
    assert mentioning(tmp_path) == []
    assert names_in(tmp_path) == []


def spec_in(tmp_path: Path, name: str = "cycle", network: Network = Network.NAT) -> SandboxSpec:
    return SandboxSpec(id=name, root=tmp_path / name, network=network)


async def test_thirty_cycles_leave_nothing(
    tmp_path: Path, bubblewrap: Bubblewrap, nothing_left: None
) -> None:
    for number in range(30):
        sandbox = await bubblewrap.start(spec_in(tmp_path, f"cycle-{number}"))
        await sh(sandbox, "sleep 1000 & setsid sleep 1000 & touch file")
        await sandbox.close()


async def test_ten_at_once(tmp_path: Path, bubblewrap: Bubblewrap, nothing_left: None) -> None:
    async def cycle(number: int) -> None:
        sandbox = await bubblewrap.start(spec_in(tmp_path, f"s{number}"))
        assert (await sh(sandbox, "hostname")).stdout == f"s{number}\n"
        await sandbox.close()

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(cycle, number)


@pytest.mark.parametrize("delay_ms", [0, 1, 3, 6, 10, 15, 20, 30, 45])
@pytest.mark.parametrize("kind", ["scope", "task"])
async def test_a_cancelled_start_leaves_nothing(
    tmp_path: Path, bubblewrap: Bubblewrap, nothing_left: None, delay_ms: int, kind: str
) -> None:
    """Wherever it is cancelled: in a scope of anyio, again and again, or once as a task."""
    started: list[Sandbox] = []

    async def start() -> None:
        started.append(await bubblewrap.start(spec_in(tmp_path)))

    if kind == "scope":
        with anyio.move_on_after(delay_ms / 1000):
            await start()
    else:
        task = asyncio.create_task(start())
        await asyncio.wait([task], timeout=delay_ms / 1000)
        task.cancel()
        await asyncio.wait([task])
        assert started or task.cancelled()
    for sandbox in started:
        await sandbox.close()


async def test_cancelling_close_does_not_stop_it(
    tmp_path: Path, bubblewrap: Bubblewrap, nothing_left: None
) -> None:
    sandbox = await bubblewrap.start(spec_in(tmp_path))
    task = asyncio.create_task(sandbox.close())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not sandbox.spec.root.exists()


async def test_close_twice_and_at_the_same_time(sandbox: Sandbox) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(sandbox.close)
        group.start_soon(sandbox.close)
    await sandbox.close()
    assert not sandbox.alive
    await sandbox.wait_dead()
    with pytest.raises(SandboxDiedError):
        await sh(sandbox, "true")


async def test_close_fails_the_calls_in_progress(sandbox: Sandbox) -> None:
    failures: list[SandboxDiedError] = []

    async def wait() -> None:
        with pytest.raises(SandboxDiedError) as caught:
            await sh(sandbox, "mkfifo /tmp/up; echo >/tmp/up; sleep 1000")
        failures.append(caught.value)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await sh(sandbox, "while ! test -p /tmp/up; do :; done; cat /tmp/up")
        await sandbox.close()
    assert len(failures) == 1


@pytest.mark.parametrize("victim", ["1", "2"])
async def test_death_from_inside_is_noticed(sandbox: Sandbox, victim: str) -> None:
    """Process 1 is immune to signals from inside; 2 is the worker."""
    if victim == "1":
        await sh(sandbox, "kill -9 1")
        assert (await sh(sandbox, "echo alive")).stdout == "alive\n"
        return
    with pytest.raises(SandboxDiedError):
        await sh(sandbox, "kill -9 2; sleep 1000")
    with anyio.fail_after(GONE_SECONDS):
        await sandbox.wait_dead()
    assert not sandbox.alive
    assert sandbox.spec.root.exists()
    await sandbox.close()
    assert not sandbox.spec.root.exists()


async def test_death_from_outside_is_noticed(sandbox: Sandbox) -> None:
    os.kill(sandbox.pid, signal.SIGKILL)
    with anyio.fail_after(GONE_SECONDS):
        await sandbox.wait_dead()
    assert not sandbox.alive
    with pytest.raises(SandboxDiedError):
        await sh(sandbox, "true")


async def test_an_existing_directory_is_not_taken_over(
    tmp_path: Path, bubblewrap: Bubblewrap
) -> None:
    spec = spec_in(tmp_path)
    spec.root.mkdir()
    (spec.root / "kept").touch()
    with pytest.raises(SandboxError, match="File exists"):
        await bubblewrap.start(spec)
    assert (spec.root / "kept").exists()


async def test_a_missing_parent_is_an_error(tmp_path: Path, bubblewrap: Bubblewrap) -> None:
    spec = SandboxSpec(id="x", root=tmp_path / "missing" / "root")
    with pytest.raises(SandboxError, match="No such file or directory"):
        await bubblewrap.start(spec)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "x" * 64, "..", "a\n"])
def test_names_that_are_no_host_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="'id'"):
        SandboxSpec(id=name, root=tmp_path)


def test_check_passes_here() -> None:
    Bubblewrap().check()


def test_missing_bubblewrap_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError) as caught:
        Bubblewrap().check()
    assert str(caught.value) == (
        "bubblewrap is not installed; install it with 'apt install bubblewrap' "
        "or start with --isolation none"
    )


def test_forbidden_namespaces_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SandboxError, match=r"uid map: Permission denied.*--isolation none"):
        Bubblewrap().check()


async def test_the_last_words_of_a_failed_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo bubblewrap 0.8.0; exit; }\n'
        "echo 'no space for namespaces' >&2; exit 7\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/bin")
    with pytest.raises(SandboxError, match=r"status 7.*no space for namespaces"):
        await Bubblewrap().start(spec_in(tmp_path))
    assert names_in(tmp_path) == ["bwrap"]


async def test_errors_survive_pickling() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(WorkerError("message", "not_found")))
    assert (str(error), error.code) == ("message", "not_found")


RUNTIME = """
    import asyncio, sys
    from pathlib import Path
    from agentbay.local.sandbox.base import Network, SandboxSpec
    from agentbay.local.sandbox.bubblewrap import Bubblewrap
    from agentbay.local.sandbox.unisolated import Unisolated

    async def main(root, kind, state):
        isolation = Bubblewrap() if kind == "bubblewrap" else Unisolated()
        sandbox = await isolation.start(SandboxSpec(id="orphan", root=Path(root)))
        command = '''
            mkfifo one two never
            sh -c 'echo >one; read x <never' &
            setsid sh -c 'echo >two; read x <never' &
            cat one two >&2
            echo -n $AGENTBAY_SANDBOX
        '''
        params = {"command": command, "timeout_ms": 5000}
        reply = await sandbox.call("shell", params, timeout=10)
        if state == "paused":
            await sandbox.freeze()
        print(reply.blobs["stdout"].decode(), flush=True)
        await sandbox.call("shell", {"command": "sleep 1000", "timeout_ms": 10**6}, timeout=1000)

    asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("state", ["running", "paused"])
@pytest.mark.parametrize("kind", ["bubblewrap", "none"])
async def test_killing_the_runtime_ends_everything(tmp_path: Path, kind: str, state: str) -> None:
    root = tmp_path / "root"
    script = textwrap.dedent(RUNTIME)
    with program(sys.executable, "-c", script, str(root), kind, state) as runtime:
        assert runtime.stdout is not None
        mark = runtime.stdout.readline().strip()
        # Without a PID namespace the daemons are children of somebody else by now.
        strays = marked_processes(f"AGENTBAY_SANDBOX={mark}") if mark else []
        members = {*descendants(runtime.pid), *strays}
        assert len(members) >= (5 if kind == "bubblewrap" else 3)
        pidfds = [os.pidfd_open(pid) for pid in members]
    assert wait_all_gone(pidfds, GONE_SECONDS)
    assert control_groups_of_the_dead(runtime.pid) == []
    remove_tree(root)


def control_groups_of_the_dead(pid: int) -> list[Path]:
    """Return what the sweep of a starting runtime leaves of the groups of a killed one."""
    Cgroups.detect().sweep()
    return control_groups(pid)


async def test_a_deadline_of_the_caller_leaves_the_sandbox_usable(sandbox: Sandbox) -> None:
    with anyio.move_on_after(0.05) as scope:
        await sh(sandbox, "sleep 1000")
    assert scope.cancelled_caught
    assert (await call(sandbox, "list_directory", path="/")).result["entries"]


async def test_many_sandboxes_by_one_isolation(start: StartFunction) -> None:
    first, second = await start(), await start()
    assert first.pid != second.pid
    assert (await sh(first, "hostname")).stdout != (await sh(second, "hostname")).stdout


async def test_commands_start_with_the_usual_signals(start: StartFunction) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a background job of a shell
    try:
        sandbox = await start()
    finally:
        signal.signal(signal.SIGINT, before)
    status = await sh(sandbox, "grep SigIgn /proc/self/status")
    assert not int(status.stdout.split()[1], 16) & 1 << (signal.SIGINT - 1)
