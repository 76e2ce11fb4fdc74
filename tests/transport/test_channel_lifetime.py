"""Channels follow their event loop, and what is forgotten is silent."""

from __future__ import annotations

import pytest

from agentbay.local.runtime import LocalRuntime
from tests.children import lines_of

PRELUDE = """
import asyncio, gc, os, sys, threading
from agentbay import AgentBay, AsyncAgentBay, TransportError
bay = AsyncAgentBay()
async def make():
    session = (await bay.create()).unwrap()
    return session.session_id
async def use(session_id, client=bay):
    session = (await client.get(session_id)).unwrap()
    process = await session.command.start("echo used")
    result = await process.communicate(timeout=10)
    assert result.stdout == "used\\n", result
    return session
"""

CASES = {
    "never closed": """
async def main():
    await use(await make())
asyncio.run(main())
""",
    "a stream and a terminal are left open": """
async def main():
    session = await use(await make())
    await session.command.start("yes")
    await session.pty.create(on_data=lambda data: None)
asyncio.run(main())
""",
    "a second asyncio.run": """
session_id = asyncio.run(make())
for _ in range(3):
    asyncio.run(use(session_id))
""",
    "two loops at once": """
session_id = asyncio.run(make())
threads = [threading.Thread(target=lambda: asyncio.run(use(session_id))) for _ in range(5)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""",
    "closed, and in another loop again": """
async def main():
    await use(await make())
    await bay.close()
asyncio.run(main())
asyncio.run(bay.close())
""",
    "one connection for all handles of a session": """
async def main():
    session_id = await make()
    first, second = await use(session_id), await use(session_id)
    assert first._channel() is second._channel()
    gone = first._channel()
    await first.delete()
    assert second._channel() is not gone
asyncio.run(main())
""",
    "forked after use": """
session_id = asyncio.run(make())
asyncio.run(use(session_id))
pid = os.fork()
asyncio.run(use(session_id))
if pid == 0:
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
asyncio.run(use(session_id))
""",
    "forked while it is open": """
async def main():
    session = await use(await make())
    process = await session.command.start("read line; echo $line")
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert (await process.communicate(b"parent\\n", timeout=10)).stdout == "parent\\n"
asyncio.run(main())
""",
    "blocking, never closed": """
session = AgentBay().create().unwrap()
process = session.command.start("yes")
assert next(iter(process)).data.startswith(b"y")
terminal = session.pty.create(on_data=lambda data: None)
""",
    "blocking, forked after use": """
session = AgentBay().create().unwrap()
assert session.command.start("echo a").communicate().stdout == "a\\n"
pid = os.fork()
assert session.command.start("echo b").communicate().stdout == "b\\n"
if pid == 0:
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert session.command.start("echo c").communicate().stdout == "c\\n"
""",
    "blocking, a callback that uses the client": """
session = AgentBay().create().unwrap()
seen = []
def on_data(data):
    seen.append(session.command.execute_command("echo inside").stdout)
terminal = session.pty.create(on_data=on_data, shell="/bin/date")
assert terminal.wait(20) == 0
assert seen and set(seen) == {"inside\\n"}
""",
}


@pytest.fixture
def env(runtime: LocalRuntime) -> dict[str, str]:
    return {"AGENTBAY_ENDPOINT": runtime.endpoint, "AGENTBAY_API_KEY": runtime.api_key}


@pytest.mark.parametrize("name", CASES)
def test_channels_follow_their_loops(name: str, env: dict[str, str]) -> None:
    assert lines_of(f"{PRELUDE}{CASES[name]}\nprint('end')", env=env) == ["end"]
