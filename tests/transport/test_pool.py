"""Connections follow their event loop, and a forgotten client is silent."""

from __future__ import annotations

import pytest

from agentbay.local.runtime import LocalRuntime
from tests.children import lines_of

PRELUDE = """
import asyncio, gc, os, sys, threading
from agentbay import AgentBay, AsyncAgentBay
bay = AsyncAgentBay()
async def listed(client=bay):
    result = await client.list()
    assert result.success, result.error_message
"""

CASES = {
    "never closed": "asyncio.run(listed())",
    "dropped inside the loop": """
async def main():
    client = AsyncAgentBay()
    await listed(client)
    del client
    gc.collect()
    await asyncio.sleep(0)
    await listed()
asyncio.run(main())
""",
    "second asyncio.run": """
for _ in range(3):
    asyncio.run(listed())
""",
    "used in two loops at once": """
threads = [threading.Thread(target=lambda: asyncio.run(listed())) for _ in range(5)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""",
    "closed twice, in another loop": """
asyncio.run(listed())
asyncio.run(bay.close())
asyncio.run(bay.close())
""",
    "forked after use": """
asyncio.run(listed())
pid = os.fork()
asyncio.run(listed())
if pid == 0:
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
asyncio.run(listed())
""",
    "forked inside the loop": """
async def main():
    await listed()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    await listed()
asyncio.run(main())
""",
    "blocking, never closed": """
client = AgentBay()
assert client.list().success
""",
    "blocking, forked after use": """
client = AgentBay()
assert client.list().success
pid = os.fork()
assert client.list().success
if pid == 0:
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert client.list().success
""",
}


@pytest.fixture
def env(runtime: LocalRuntime) -> dict[str, str]:
    return {"AGENTBAY_ENDPOINT": runtime.endpoint, "AGENTBAY_API_KEY": runtime.api_key}


@pytest.mark.parametrize("name", CASES)
def test_pool_follows_its_loops(name: str, env: dict[str, str]) -> None:
    assert lines_of(f"{PRELUDE}{CASES[name]}\nprint('end')", env=env) == ["end"]


def test_loop_closed_without_ceremony(env: dict[str, str]) -> None:
    # Nothing can close these sockets: their loop is gone. The interpreter says so in its
    # development mode; without that, the user must hear nothing.
    source = """
for _ in range(2):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(listed())
    loop.close()
print("end")
"""
    assert lines_of(PRELUDE + source, flags=(), env=env) == ["end"]
