"""The server as a process: its ready line, its signals, and what remains of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from tests.local.child import (
    SERVE,
    descendants_of,
    end,
    environment,
    serving,
    still_running,
)
from tests.local.wire import DEADLINE, Wire, wire_at


def left_in(temporary: Path) -> list[str]:
    base = temporary / f"agentbay-{os.getuid()}"
    return sorted(found.name for found in base.iterdir()) if base.exists() else []


async def test_the_ready_line(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.ready.keys() == {"endpoint", "api_key", "pid"}
        assert server.ready["pid"] == server.process.pid
        async with wire_at(server.endpoint, server.api_key) as wire:
            started = await wire.create()
            assert await wire.shell(started, "echo hi") == "hi\n"
        code, rest, log = end(server, signal.SIGTERM)
    assert (code, rest) == (0, "")
    assert server.api_key not in log
    assert started.token not in log
    assert f"Session {started.id} created" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, warm=1, network="nat") as server:
        async with wire_at(server.endpoint, server.api_key) as wire:
            await wire.create()
            started = await wire.create()
            await wire.shell(started, "setsid sleep 600 > /dev/null 2>&1 &")
        with descendants_of(server.process.pid) as processes:
            assert len(processes) >= 6
            code, _, log = end(server, number)
            assert still_running(processes) == []
    assert code == 0
    assert f"{number.name}: stopping" in log
    assert "Traceback" not in log
    assert left_in(tmp_path) == []


async def begin_long_command(wire: Wire, group: anyio.abc.TaskGroup) -> None:
    started = await wire.create()

    async def sleep() -> None:
        command = {"command": "touch going; sleep 600", "timeout_ms": 600_000}
        assert (await wire.link(started, "shell", command))["isError"] is True

    group.start_soon(sleep)
    await wire.shell(started, "until [ -e going ]; do sleep 0.01; done")


async def test_a_second_signal_does_not_wait_for_requests(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        async with (
            wire_at(server.endpoint, server.api_key) as wire,
            anyio.create_task_group() as group,
        ):
            await begin_long_command(wire, group)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.stderr is not None
            await anyio.to_thread.run_sync(_read_until, server.process.stderr, "SIGTERM: stopping")
            code, _, log = await anyio.to_thread.run_sync(end, server, signal.SIGTERM)
    assert code == 0
    assert "not waiting for requests" in log
    assert left_in(tmp_path) == []


def _read_until(log: object, text: str) -> None:
    for line in log:  # type: ignore[attr-defined]  # a text stream
        if text in line:
            return
    raise AssertionError(f"the log ended without {text!r}")


async def test_a_killed_server_leaves_a_stale_directory_only(tmp_path: Path) -> None:
    with serving(tmp_path, warm=1, network="nat") as server:
        async with wire_at(server.endpoint, server.api_key) as wire:
            started = await wire.create()
            await wire.shell(started, "setsid sleep 600 > /dev/null 2>&1 &")
        with descendants_of(server.process.pid) as processes:
            assert len(processes) >= 5
            end(server, signal.SIGKILL)
            assert still_running(processes) == []
    stale = left_in(tmp_path)
    assert len(stale) == 1
    with serving(tmp_path) as server:
        assert set(left_in(tmp_path)).isdisjoint(stale)
        end(server, signal.SIGTERM)
    assert left_in(tmp_path) == []


async def test_a_killed_server_can_be_started_again_on_its_directory(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "data")
    with serving(tmp_path, data_dir=data_dir) as server:
        async with wire_at(server.endpoint, server.api_key) as wire:
            started = await wire.create()
        end(server, signal.SIGKILL)
    with serving(tmp_path, data_dir=data_dir) as server:
        async with wire_at(server.endpoint, server.api_key) as wire:
            query = {"SessionId": started.id}
            detail = (await wire.action("GetSessionDetail", query=query)).data
            assert (detail["Status"], detail["EndReason"]) == ("FINISH", "RuntimeLost")
        assert list((tmp_path / "data" / "sandboxes").iterdir()) == []
        assert end(server, signal.SIGINT)[0] == 0


def test_the_key_comes_from_the_option_then_the_environment(tmp_path: Path) -> None:
    env = {"AGENTBAY_API_KEY": "from-environment"}
    with serving(tmp_path, env=env) as server:
        assert server.api_key == "from-environment"
        end(server, signal.SIGTERM)
    with serving(tmp_path, env=env, api_key="from-option") as server:
        assert server.api_key == "from-option"
        end(server, signal.SIGTERM)


def test_tls_names_the_certificate(tmp_path: Path) -> None:
    with serving(tmp_path, tls=True) as server:
        assert server.endpoint.startswith("https://")
        certificate = Path(server.ready["ca_file"]).read_text(encoding="ascii")
        assert certificate.startswith("-----BEGIN CERTIFICATE-----")
        end(server, signal.SIGTERM)


def test_a_directory_in_use_is_told_with_the_owner(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "data")
    with serving(tmp_path, data_dir=data_dir) as server:
        second = subprocess.run(
            [sys.executable, "-c", SERVE, json.dumps({"data_dir": data_dir})],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        end(server, signal.SIGTERM)
    assert second.returncode == 1
    assert second.stdout == ""
    assert f"{data_dir} is in use by another runtime (pid {server.process.pid})" in second.stderr
