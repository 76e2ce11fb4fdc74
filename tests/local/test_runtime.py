"""The runtime as a whole: its directory, its warm pool, its end, and that nothing leaks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import socket
import sqlite3
import ssl
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp
import anyio
import pytest

from agentbay.local import LocalRuntime, LocalRuntimeError
from agentbay.local.data_dir import DataDir
from tests.local.wire import DEADLINE, Wire, connection_to, until, wire_to

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def temporary_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's temporary data directories are."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"agentbay-{os.getuid()}"


def entries(path: Path) -> set[str]:
    return {found.name for found in path.iterdir()}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_a_temporary_directory_is_private_and_removed(temporary_base: Path) -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        await wire.create()
        (name,) = entries(temporary_base)
        assert [mode(path) for path in (temporary_base, temporary_base / name)] == [0o700, 0o700]
    assert entries(temporary_base) == set()


async def test_stop_may_be_called_often_and_start_again() -> None:
    runtime = LocalRuntime(network="none")
    await runtime.stop()
    for _ in range(2):
        await runtime.start()
        with pytest.raises(LocalRuntimeError, match="running already"):
            await runtime.start()
        async with wire_to(runtime) as wire:
            await wire.create()
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(runtime.stop)
        await runtime.stop()
        with pytest.raises(LocalRuntimeError, match="not running"):
            _ = runtime.endpoint


async def test_a_stop_that_is_cancelled_is_completed(temporary_base: Path) -> None:
    runtime = LocalRuntime(network="none")
    await runtime.start()
    async with wire_to(runtime) as wire:
        await wire.create()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await runtime.stop()
    await runtime.stop()
    assert entries(temporary_base) == set()


async def test_a_start_that_fails_leaves_nothing(temporary_base: Path) -> None:
    async with LocalRuntime(network="none") as other:
        port = int(other.endpoint.rpartition(":")[2])
        before = entries(temporary_base)
        with pytest.raises(LocalRuntimeError):
            await LocalRuntime(network="none", port=port).start()
        assert entries(temporary_base) == before


async def test_sessions_of_a_former_run_have_ended(tmp_path: Path) -> None:
    first = LocalRuntime(network="none", data_dir=tmp_path)
    async with first, wire_to(first) as wire:
        stopped = (await wire.create({"Labels": '{"run": "1"}'})).id
        deleted = (await wire.create()).id
        await wire.action("ReleaseMcpSession", {"SessionId": deleted})
    second = LocalRuntime(network="none", data_dir=tmp_path)
    async with second, wire_to(second) as wire:
        assert (await wire.action("ListSession")).data == []
        for session_id, reason in ((stopped, "RuntimeStopped"), (deleted, "Deleted")):
            query = {"SessionId": session_id}
            detail = (await wire.action("GetSessionDetail", query=query)).data
            assert (detail["Status"], detail["EndReason"]) == ("FINISH", reason)
        form = {"Status": "DELETED", "Labels": '{"run": "1"}'}
        listing = (await wire.action("ListSession", form)).data
        assert [item["SessionId"] for item in listing] == [stopped]


async def test_a_directory_has_one_runtime_at_a_time(tmp_path: Path) -> None:
    async with LocalRuntime(network="none", data_dir=tmp_path):
        expected = f"{tmp_path} is in use by another runtime .pid {os.getpid()}"
        with pytest.raises(LocalRuntimeError, match=expected):
            await LocalRuntime(network="none", data_dir=tmp_path).start()
    async with LocalRuntime(network="none", data_dir=tmp_path):
        pass


async def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalRuntimeError, match=r"cannot be used: .*/file.*--data-dir"):
        await LocalRuntime(network="none", data_dir=tmp_path / "file" / "below").start()


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "runtime.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(LocalRuntimeError, match=r"runtime\.db was written by a newer version"):
        await LocalRuntime(network="none", data_dir=tmp_path).start()


async def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "runtime.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(LocalRuntimeError, match=r"runtime\.db cannot be used"):
        await LocalRuntime(network="none", data_dir=tmp_path).start()


@pytest.fixture
def stale(temporary_base: Path) -> Iterator[Path]:
    """What a killed runtime leaves: its directory, and a lock that nobody holds."""
    left = DataDir.open(None)
    locked = left.sandboxes / "s-stale" / "fs" / "closed"
    locked.mkdir(parents=True)
    (locked / "file").touch()
    (left.sandboxes / "s-stale" / "out").symlink_to(temporary_base.parent)
    locked.chmod(0)
    left.abandon()
    yield left.path
    assert not left.path.exists()


async def test_directories_of_killed_runtimes_are_swept(stale: Path, temporary_base: Path) -> None:
    (temporary_base.parent / "kept").touch()
    async with LocalRuntime(network="none"), LocalRuntime(network="none"):
        left = entries(temporary_base)
        assert stale.name not in left
        assert len(left) == 2
    assert (temporary_base.parent / "kept").exists()


async def test_sandboxes_of_a_killed_runtime_are_swept(tmp_path: Path) -> None:
    (tmp_path / "sandboxes" / "s-stale" / "fs").mkdir(parents=True)
    async with LocalRuntime(network="none", data_dir=tmp_path):
        assert entries(tmp_path / "sandboxes") == set()


def test_a_directory_of_somebody_else_is_not_used(temporary_base: Path) -> None:
    temporary_base.symlink_to(temporary_base.parent)
    with pytest.raises(LocalRuntimeError, match="does not belong to this user"):
        DataDir.open(None)


async def test_requests_in_progress_may_finish_and_new_ones_are_refused() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        started = await wire.create()
        results: list[str] = []

        async def short() -> None:
            results.append(await wire.shell(started, "touch going; sleep 0.3; echo done"))

        async with anyio.create_task_group() as group:
            group.start_soon(short)
            await wire.shell(started, "until [ -e going ]; do sleep 0.01; done")
            kept_alive = connection_to(runtime.endpoint)
            group.start_soon(runtime.stop)
            with pytest.raises(aiohttp.ClientConnectionError):
                await refused_forever(wire)
        kept_alive.close()
        assert results == ["done\n"]


async def refused_forever(wire: Wire) -> None:
    """Ask until no connection is accepted any more; on those that are left, 503 is the answer."""
    with anyio.fail_after(DEADLINE):
        while True:
            answer = await wire.action("ListSession")
            assert answer.status == 200 or answer.error == (503, "ServiceUnavailable")


async def test_connections_made_while_it_stops_are_closed() -> None:
    for _ in range(10):
        runtime = LocalRuntime(network="none")
        await runtime.start()
        with connection_to(runtime.endpoint) as connection:
            await runtime.stop()
            with contextlib.suppress(ConnectionResetError):  # it was not accepted
                assert connection.recv(1) == b""
        gc.collect()  # a transport that was forgotten complains now


async def test_a_stop_does_not_wait_for_long_commands() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        started = await wire.create()
        results: list[bool] = []

        async def long() -> None:
            command = {"command": "touch going; sleep 600", "timeout_ms": 600_000}
            results.append((await wire.link(started, "shell", command))["isError"])

        async with anyio.create_task_group() as group:
            group.start_soon(long)
            await wire.shell(started, "until [ -e going ]; do sleep 0.01; done")
            with anyio.fail_after(DEADLINE):
                await runtime.stop()
        assert results == [True]


async def test_tls() -> None:
    async with LocalRuntime(network="none", tls=True) as runtime:
        assert runtime.endpoint.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=runtime.ca_file)
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as http:
            wire = Wire(runtime.endpoint, runtime.api_key, http)
            started = await wire.create()
            assert started.link_url.startswith("https://")
            assert await wire.shell(started, "echo hi") == "hi\n"


async def test_the_warm_pool_hands_over_and_fills_up_again() -> None:
    async with LocalRuntime(network="none", warm=2) as runtime, wire_to(runtime) as wire:
        sessions = runtime.sessions
        assert sessions.warm == 2
        roots = runtime._require().data.sandboxes
        prepared = entries(roots)
        first = await wire.create()
        assert first.id in prepared
        assert await wire.shell(first, "hostname") == f"{first.id}\n"
        await until(lambda: sessions.warm == 2)
        assert (await wire.action("ListSession")).body["TotalCount"] == 1
        # Another image is not what the pool has.
        other = await wire.create({"ImageId": "code_latest"})
        assert other.id not in prepared
        assert sessions.warm == 2
        started = {(await wire.create()).id for _ in range(4)}
        assert len(started) == 4


async def test_a_warm_sandbox_that_dies_is_replaced() -> None:
    async with LocalRuntime(network="none", warm=1) as runtime, wire_to(runtime) as wire:
        roots = runtime._require().data.sandboxes
        (dead,) = entries(roots)
        (sandbox,) = runtime.sessions._pool._ready
        os.kill(sandbox.pid, 9)
        await until(lambda: bool(entries(roots)) and dead not in entries(roots))
        await until(lambda: runtime.sessions.warm == 1)
        assert await wire.shell(await wire.create(), "echo hi") == "hi\n"


async def test_an_unisolated_runtime_serves_the_same() -> None:
    async with LocalRuntime(isolation="none") as runtime, wire_to(runtime) as wire:
        started = await wire.create()
        assert await wire.shell(started, "echo hi > file; cat file") == "hi\n"
        assert await wire.text(started, "list_directory", {"path": "."}) == "[FILE] file"


@pytest.mark.parametrize(
    "wrong", [{"isolation": "chroot"}, {"network": "bridge"}, {"warm": -1}], ids=str
)
def test_wrong_settings_are_told(wrong: dict[str, str]) -> None:
    (name,) = wrong
    with pytest.raises(LocalRuntimeError, match=name):
        LocalRuntime(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def open_files() -> int:
    return len(entries(Path("/proc/self/fd")))


def child_processes() -> set[str]:
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


@pytest.mark.timeout(120)
async def test_two_hundred_sessions_leave_nothing() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        sandboxes = runtime._require().data.sandboxes

        async def cycles(count: int) -> None:
            for _ in range(count):
                started = await wire.create()
                await wire.action("ReleaseMcpSession", {"SessionId": started.id})

        async def at_once(count: int) -> None:
            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(cycles, count // 4)
            await until(lambda: len(asyncio.all_tasks()) <= tasks)

        def counts() -> tuple[int, int]:
            threads = sum(
                not thread.name.startswith(("AnyIO", "asyncio"))  # pools that serve many
                for thread in threading.enumerate()
            )
            return open_files(), threads

        await cycles(1)
        tasks = len(asyncio.all_tasks()) + 4  # of the connections that are kept
        await at_once(8)
        before, tasks = counts(), len(asyncio.all_tasks())
        others = child_processes(), entries(sandboxes)
        await at_once(200)
        # Connections that were kept may have ended meanwhile, so there may be fewer.
        assert all(now <= then for now, then in zip(counts(), before, strict=True))
        assert (child_processes(), entries(sandboxes)) == others
        assert len(runtime.sessions) == 0


async def test_clients_that_vanish_are_no_failures(caplog: pytest.LogCaptureFixture) -> None:
    """Whenever the connection ends: while a request is read, handled, or answered."""
    chance = random.Random(1)
    reset = struct.pack("ii", 1, 0)

    async with LocalRuntime(network="none", isolation="none") as runtime:
        body = urlencode({"Authorization": f"Bearer {runtime.api_key}", "Labels": "{}"})
        place = runtime.endpoint.removeprefix("http://")
        request = (
            f"POST /?Action=ListSession HTTP/1.1\r\nHost: {place}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

        async def ask_and_vanish() -> None:
            host, _, port = place.partition(":")
            with socket.socket() as client:
                client.setblocking(False)
                await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
                client.send(request)
                await asyncio.sleep(chance.uniform(0, 0.004))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)

        for _ in range(150):
            await asyncio.gather(*(ask_and_vanish() for _ in range(4)))
    failures = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in failures] == []
