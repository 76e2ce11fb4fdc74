"""Cancelling a create never leaves a session behind."""

from __future__ import annotations

import secrets

import anyio
import pytest

from agentbay import AsyncAgentBay, Config, CreateSessionParams
from agentbay.local.runtime import LocalRuntime


@pytest.fixture
def client(runtime: LocalRuntime) -> AsyncAgentBay:
    return AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))


@pytest.mark.parametrize("checkpoints", range(12))
async def test_create_cancelled_at_any_moment(client: AsyncAgentBay, checkpoints: int) -> None:
    group = secrets.token_hex(8)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.create, CreateSessionParams(labels={"group": group}))
        for _ in range(checkpoints):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert (await client.list({"group": group}, status="RUNNING")).unwrap() == []
    async with client.session() as session:
        assert (await session.command.execute_command("echo usable")).stdout == "usable\n"


async def test_timeout_around_a_command_leaves_the_session_usable(client: AsyncAgentBay) -> None:
    async with client.session() as session:
        with anyio.move_on_after(0.3) as scope:
            await session.command.execute_command("sleep 300")
        assert scope.cancelled_caught
        assert (await session.command.execute_command("echo usable")).stdout == "usable\n"
