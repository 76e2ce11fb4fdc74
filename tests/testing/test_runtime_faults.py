"""Faults that only a runtime can have: its sandboxes die, and their disks are full."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import anyio
import pytest

from agentbay import (
    AgentBayError,
    AsyncAgentBay,
    Config,
    CreateSessionParams,
    ProtocolError,
    TransportError,
)
from agentbay.config import RetryPolicy
from agentbay.local import LocalRuntime
from agentbay.testing.faults import (
    Cut,
    DiskFull,
    FaultPlan,
    FaultRule,
    Garbage,
    HalfOpen,
    Reset,
    SandboxKilled,
    Throttled,
    Truncated,
)
from tests.conftest import ConnectFunction
from tests.local.child import end, serving
from tests.local.wire import until, wire_at

ONCE = RetryPolicy(max_attempts=1)
PLAIN = CreateSessionParams(image_id="linux_latest")
MIB = 1024 * 1024


@contextlib.asynccontextmanager
async def misbehaving(
    connect: ConnectFunction, *rules: FaultRule, isolation: str = "none"
) -> AsyncIterator[tuple[AsyncAgentBay, LocalRuntime, FaultPlan]]:
    plan = FaultPlan(rules)
    sandboxed = isolation == "bubblewrap"
    async with (
        LocalRuntime(
            isolation="bubblewrap" if sandboxed else "none", network="none", faults=plan
        ) as runtime,
        connect(runtime.api_key, Config(endpoint=runtime.endpoint, retry=ONCE)) as bay,
    ):
        yield bay, runtime, plan


@pytest.mark.parametrize("isolation", ["none", "bubblewrap"])
@pytest.mark.parametrize("processed", [False, True])
async def test_a_sandbox_is_killed(
    connect: ConnectFunction, isolation: str, processed: bool
) -> None:
    rule = FaultRule(SandboxKilled(processed), name="shell", nth=2)
    async with misbehaving(connect, rule, isolation=isolation) as (bay, runtime, plan):
        lost = (await bay.create(PLAIN)).unwrap()
        kept = (await bay.create(PLAIN)).unwrap()
        assert (await lost.command.execute_command("echo hi")).success
        sandbox = runtime.sessions.get(lost.session_id).sandbox
        result = await lost.command.execute_command("echo hi")
        assert result.success is processed
        assert processed or result.error_message
        assert not sandbox.alive
        assert not (await lost.command.execute_command("echo hi")).success
        assert (await kept.command.execute_command("echo hi")).success
        assert plan.injected == {"sandbox_killed": 1}


async def test_the_disk_of_a_session_is_full(connect: ConnectFunction) -> None:
    """The error is the kernel's own; what fits can be written, and other sessions have room."""
    rule = FaultRule(DiskFull(2 * MIB), nth=1)
    async with misbehaving(connect, rule, isolation="bubblewrap") as (bay, _, plan):
        full = (await bay.create(PLAIN)).unwrap()
        usual = (await bay.create(PLAIN)).unwrap()
        for place in ("~", "/tmp"):
            command = f"head -c {4 * MIB} /dev/zero > {place}/large"
            refused = await full.command.execute_command(command)
            assert refused.exit_code != 0
            assert "No space left on device" in refused.error_message
            assert (await usual.command.execute_command(command)).success
        assert (await full.command.execute_command("rm ~/large /tmp/large")).success
        large = await full.file_system.write_file("large.txt", "x" * 4 * MIB)
        assert not large.success
        assert "No space left on device" in large.error_message
        assert (await full.file_system.write_file("small.txt", "x" * MIB)).success
        assert plan.injected == {"disk_full": 1}


async def test_a_full_disk_needs_a_sandbox(connect: ConnectFunction) -> None:
    async with misbehaving(connect, FaultRule(DiskFull(), times=1)) as (bay, _, _plan):
        refused = await bay.create(PLAIN)
        assert "what a session can write cannot be limited" in refused.error_message
        assert (await bay.create(PLAIN)).success


async def test_warm_sandboxes_have_the_usual_disk(connect: ConnectFunction) -> None:
    plan = FaultPlan([FaultRule(DiskFull(MIB), nth=1)])
    async with (
        LocalRuntime(network="none", warm=1, faults=plan) as runtime,
        connect(runtime.api_key, Config(endpoint=runtime.endpoint, retry=ONCE)) as bay,
    ):
        sizes = []
        for _ in range(2):
            session = (await bay.create(PLAIN)).unwrap()
            result = await session.command.execute_command("df --output=fstype ~ | tail -n 1")
            sizes.append(result.unwrap().stdout.strip())
        assert sizes[0] == "tmpfs"
        assert sizes[1] != "tmpfs"


async def test_an_answer_that_is_lost_leaves_a_session(connect: ConnectFunction) -> None:
    """The service believes that it answered: what was made is there, and nobody knows of it."""
    rule = FaultRule(Reset(processed=True), name="CreateMcpSession", times=1)
    async with misbehaving(connect, rule) as (bay, runtime, _):
        assert not (await bay.create(PLAIN)).success
        assert len(runtime.sessions) == 1
        listed = await bay.list()
        assert listed.total_count == 1


async def test_a_link_to_a_port(connect: ConnectFunction) -> None:
    rule = FaultRule(Throttled(3), route="port", nth=2)
    async with misbehaving(connect, rule, isolation="bubblewrap") as (bay, _, plan):
        session = (await bay.create(PLAIN)).unwrap()
        serve = "nohup python3 -m http.server 30100 > /dev/null 2>&1 &"
        await session.command.execute_command(f"echo hello > index.html; {serve}")
        url = (await session.get_link(port=30100)).data or ""
        async with aiohttp.ClientSession() as http:
            statuses = [(await http.get(url)).status for _ in range(3)]
        assert statuses[1] == 429
        assert plan.injected == {"throttled": 1}


async def test_half_open_connections_do_not_hold_up_the_end() -> None:
    plan = FaultPlan([FaultRule(HalfOpen())])
    async with LocalRuntime(isolation="none", network="none", faults=plan) as runtime:
        stream = await anyio.connect_tcp("127.0.0.1", int(runtime.endpoint.rpartition(":")[2]))
        async with stream:
            await stream.send(b"GET /link/s-1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await until(lambda: plan.injected == {"half_open": 1})
            with anyio.fail_after(1.5):  # the runtime gives connections 2 seconds to end
                await runtime.stop()
            with pytest.raises(anyio.BrokenResourceError):
                await stream.receive()


SMALL_DISK = """
mkdir -p "$0" && mount -t tmpfs -o size=6m tmpfs "$0" && exec "$@"
"""


async def test_the_storage_of_contexts_is_full(tmp_path: Path) -> None:
    """What the fault says is what a runtime says whose disk the kernel finds full."""
    unshare = shutil.which("unshare")
    assert unshare is not None
    data_dir = tmp_path / "data"
    inside = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK]
    with serving(
        tmp_path, inside=[*inside, str(data_dir)], data_dir=str(data_dir), isolation="none"
    ) as server:
        async with wire_at(server.endpoint, server.api_key) as wire:
            context = (
                await wire.action("GetContext", {"Name": "full", "AllowCreate": "true"})
            ).data
            form = {"ContextId": context["Id"], "FilePath": "/large"}
            url = (await wire.action("GetContextFileUploadUrl", form)).data["Url"]
            async with wire.http.put(url, data=io.BytesIO(bytes(12 * MIB))) as answer:
                body = json.loads(await answer.text())
                assert (answer.status, body["Code"]) == (507, "InsufficientStorage")
            async with wire.http.put(url, data=b"small") as answer:
                assert answer.status == 200
        end(server, signal.SIGTERM)


@pytest.mark.parametrize("isolation", ["none", "bubblewrap"])
async def test_a_paused_sandbox_is_killed(connect: ConnectFunction, isolation: str) -> None:
    rule = FaultRule(SandboxKilled(), name="GetLabel")
    async with misbehaving(connect, rule, isolation=isolation) as (bay, runtime, _):
        session = (await bay.create(PLAIN)).unwrap()
        assert (await bay.pause(session)).success
        sandbox = runtime.sessions.get(session.session_id).sandbox
        with contextlib.suppress(AgentBayError):  # as the case may be: it is there, or no more
            await session.get_labels()
        assert not sandbox.alive
        await until(lambda: len(runtime.sessions) == 0)


async def test_faults_under_tls(connect: ConnectFunction) -> None:
    faults = (Reset(), Truncated(), Garbage(http=False), Cut())
    plan = FaultPlan(FaultRule(fault, nth=nth) for nth, fault in enumerate(faults, 1))
    async with LocalRuntime(isolation="none", network="none", tls=True, faults=plan) as runtime:
        config = Config(endpoint=runtime.endpoint, ca_file=runtime.ca_file, retry=ONCE)
        async with connect(runtime.api_key, config) as bay:
            for expected in (TransportError, TransportError, ProtocolError):
                with pytest.raises(expected):
                    (await bay.list()).unwrap()
            assert (await bay.list()).success
    assert plan.injected == {"reset": 1, "truncated": 1, "garbage": 1}
