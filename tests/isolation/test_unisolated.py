"""Sessions without isolation: only what was asked for, and nothing left of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agentbay.local.sandbox.base import Limits, SandboxSpec
from agentbay.local.sandbox.unisolated import Unisolated
from agentbay.local.worker.leftovers import marked_processes
from tests.isolation.processes import Holdings, names_in
from tests.worker.support import call, read, sh

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.isolation.conftest import StartFunction


async def test_home_is_the_private_root(start: StartFunction) -> None:
    sandbox = await start(Unisolated())
    assert sandbox.home == str(sandbox.spec.root)
    assert (await sh(sandbox, "pwd; echo $HOME")).stdout == f"{sandbox.home}\n" * 2
    await call(sandbox, "write_file", b"x", path="file")
    assert (sandbox.spec.root / "file").read_bytes() == b"x"
    assert await read(sandbox, "file") == b"x"


async def test_it_says_what_it_is(start: StartFunction, caplog: pytest.LogCaptureFixture) -> None:
    isolation = Unisolated()
    isolation.check()
    with caplog.at_level(logging.WARNING):
        await start(isolation)
        await start(isolation)
    assert [
        record.getMessage().startswith("sessions run WITHOUT ISOLATION")
        for record in caplog.records
    ] == [True]


async def test_the_environment_of_the_runtime_does_not_leak(
    start: StartFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTBAY_API_KEY", "host-secret")
    sandbox = await start(Unisolated(), env={"GIVEN": "1"})
    done = await sh(sandbox, "env")
    assert "host-secret" not in done.stdout
    assert "GIVEN=1\n" in done.stdout


async def test_limits_of_each_process(start: StartFunction) -> None:
    sandbox = await start(Unisolated(), limits=Limits(memory_bytes=256 * 1024 * 1024))
    done = await sh(sandbox, "python3 -c 'x = b\"x\" * (1 << 30); print(len(x))'")
    assert "MemoryError" in done.stderr
    assert (await sh(sandbox, "echo alive")).stdout == "alive\n"


async def test_close_ends_what_left_its_group(tmp_path: Path) -> None:
    before = Holdings()
    sandbox = await Unisolated().start(SandboxSpec(id="stray", root=tmp_path / "root"))
    done = await sh(
        sandbox,
        "mkfifo one two never; sh -c 'echo >one; read x <never' & "
        "setsid sh -c 'echo >two; read x <never' & cat one two; echo $AGENTBAY_SANDBOX",
    )
    mark = f"AGENTBAY_SANDBOX={done.stdout.strip()}"
    assert len(marked_processes(mark)) == 2
    await sandbox.close()
    assert marked_processes(mark) == []
    assert before.grown() == set()
    assert names_in(tmp_path) == []
