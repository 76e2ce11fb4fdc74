"""A call that takes too long is given up; see tests/cancellation for every other moment."""

from __future__ import annotations

import anyio
import pytest

from agentbay import AsyncAgentBay, Config
from agentbay.local.runtime import LocalRuntime


@pytest.fixture
def client(runtime: LocalRuntime) -> AsyncAgentBay:
    return AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))


async def test_timeout_around_a_command_leaves_the_session_usable(client: AsyncAgentBay) -> None:
    async with client.session() as session:
        with anyio.move_on_after(0.3) as scope:
            await session.command.execute_command("sleep 300")
        assert scope.cancelled_caught
        assert (await session.command.execute_command("echo usable")).stdout == "usable\n"
