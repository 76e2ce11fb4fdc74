"""The proxy in front of a real runtime: everything passes through it, unchanged but for faults."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentbay import AsyncAgentBay, Config, ConnectError, CreateSessionParams, TransportError
from agentbay.config import RetryPolicy
from agentbay.errors import AgentBayError
from agentbay.local import LocalRuntime
from agentbay.testing.faults import (
    Cut,
    FaultPlan,
    FaultProxy,
    FaultRule,
    StorageFull,
    Truncated,
)
from tests.conftest import ConnectFunction

ONCE = RetryPolicy(max_attempts=1)
PLAIN = CreateSessionParams(image_id="linux_latest")


@contextlib.asynccontextmanager
async def behind(
    connect: ConnectFunction, runtime: LocalRuntime, *rules: FaultRule
) -> AsyncIterator[tuple[AsyncAgentBay, FaultProxy]]:
    """A client of *runtime* whose requests take the way through a proxy."""
    async with (
        FaultProxy(runtime.endpoint, FaultPlan(rules)) as proxy,
        connect(runtime.api_key, Config(endpoint=proxy.endpoint, retry=ONCE)) as bay,
    ):
        yield bay, proxy


async def test_everything_takes_the_way_through_it(
    connect: ConnectFunction, runtime: LocalRuntime, tmp_path: Path
) -> None:
    async with behind(connect, runtime) as (bay, proxy), bay.session(PLAIN) as session:
        assert session.link_url.startswith(f"{proxy.endpoint}/link/")
        assert session.ws_url.startswith(proxy.endpoint.replace("http", "ws"))
        assert (await session.command.execute_command("echo hi")).unwrap().stdout == "hi\n"
        text = "ü" * 100_000
        assert (await session.file_system.write_file("/tmp/a", text)).success
        assert (await session.file_system.read_file("/tmp/a")).content == text


async def test_a_rule_on_the_direct_route(connect: ConnectFunction, runtime: LocalRuntime) -> None:
    rule = FaultRule(Truncated(5), name="shell", route="link", times=1)
    async with behind(connect, runtime, rule) as (bay, proxy), bay.session(PLAIN) as session:
        broken = await session.command.execute_command("echo hi")
        assert not broken.success
        assert "broke off" in broken.error_message
        assert (await session.command.execute_command("echo hi")).unwrap().stdout == "hi\n"
        assert proxy.plan.injected == {"truncated": 1}


async def test_files_of_contexts(
    connect: ConnectFunction, runtime: LocalRuntime, tmp_path: Path
) -> None:
    """Signed URLs stay valid: the proxy passes them on as they were signed."""
    rules = FaultRule(StorageFull(), times=1), FaultRule(Truncated(99_999), name="GET", times=1)
    async with behind(connect, runtime, *rules) as (bay, proxy):
        context = (await bay.context.create(f"proxy-{tmp_path}")).unwrap()
        source, target = tmp_path / "ü b.bin", tmp_path / "back.bin"
        source.write_bytes(b"\x00\xff" * 300_000)
        url = (await bay.context.get_file_upload_url(context.id, "/ü b.bin")).unwrap()
        assert url.startswith(f"{proxy.endpoint}/contexts/")
        full = await bay.context.upload_file(context.id, str(source), "/ü b.bin")
        assert not full.success
        assert (full.http_status, full.error_message) == (507, "Upload failed with HTTP 507")
        assert (await bay.context.upload_file(context.id, str(source), "/ü b.bin")).success
        broken = await bay.context.download_file(context.id, "/ü b.bin", str(target))
        assert not broken.success
        assert not target.exists()
        assert (await bay.context.download_file(context.id, "/ü b.bin", str(target))).success
        assert target.read_bytes() == source.read_bytes()
        assert proxy.plan.injected == {"storage_full": 1, "truncated": 1}
        assert (await bay.context.delete(context)).success


async def test_a_background_command_loses_its_websocket(
    connect: ConnectFunction, runtime: LocalRuntime
) -> None:
    async with (
        behind(connect, runtime, FaultRule(Cut(300), times=1)) as (bay, proxy),
        bay.session(PLAIN) as session,
    ):
        process = await session.command.start("while echo 0123456789; do sleep 0.01; done")
        with pytest.raises(AgentBayError):
            async for _ in process:
                pass
        assert proxy.plan.injected == {"cut": 1}
        assert (await session.command.execute_command("echo hi")).unwrap().stdout == "hi\n"


async def test_refusing_by_hand(connect: ConnectFunction, runtime: LocalRuntime) -> None:
    async with behind(connect, runtime) as (bay, proxy):
        endpoint = proxy.endpoint
        assert (await bay.list()).success
        async with proxy.refusing():
            with pytest.raises(TransportError):  # maybe by the connection that was there
                (await bay.list()).unwrap()
            with pytest.raises(ConnectError):
                (await bay.list()).unwrap()
        assert proxy.endpoint == endpoint
        assert (await bay.list()).success


async def test_in_front_of_https(connect: ConnectFunction) -> None:
    async with (
        LocalRuntime(isolation="none", network="none", tls=True) as runtime,
        FaultProxy(runtime.endpoint, ca_file=runtime.ca_file) as proxy,
        connect(runtime.api_key, Config(endpoint=proxy.endpoint)) as bay,
        bay.session(PLAIN) as session,
    ):
        assert session.link_url.startswith(f"{proxy.endpoint}/link/")
        assert (await session.command.execute_command("echo hi")).unwrap().stdout == "hi\n"


async def test_a_service_that_is_gone(connect: ConnectFunction, runtime: LocalRuntime) -> None:
    """What breaks behind the proxy breaks in front of it."""
    async with (
        FaultProxy("http://127.0.0.1:9") as proxy,
        connect(runtime.api_key, Config(endpoint=proxy.endpoint, retry=ONCE)) as bay,
    ):
        assert not (await bay.list()).success
