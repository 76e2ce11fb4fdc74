"""Scopes that nobody leaves: one warning that says what was left, and where it came from."""

from __future__ import annotations

import asyncio
import re

import pytest

from agentbay.testing import RecordingServer
from tests.children import STRICT, Finished, lines_of, run_script

QUIET = ("-X", "dev", "-W", "ignore:This process:DeprecationWarning")

START = """
import asyncio, gc, os, warnings
from agentbay import AgentBay, AsyncAgentBay, Config

config = Config(endpoint=os.environ["ENDPOINT"])
key = os.environ["KEY"]
"""


def env(service: RecordingServer) -> dict[str, str]:
    return {"ENDPOINT": service.endpoint, "KEY": service.api_key}


async def run(service: RecordingServer, source: str) -> Finished:
    return await asyncio.to_thread(run_script, START + source, flags=QUIET, env=env(service))


async def without_warning(service: RecordingServer, source: str) -> None:
    """Run a program in which any warning is an error, and which leaves no session."""
    lines = await asyncio.to_thread(lines_of, START + source, flags=STRICT, env=env(service))
    assert lines == ["end"]
    assert service.sessions_created >= 1
    assert service.sessions == {}


def warned(finished: Finished) -> list[tuple[str, str]]:
    """Return what was warned of: the session, and the line of the script that made the client."""
    pattern = r"ResourceWarning: Session (\S+) lives on: .* created at <string>:(\d+)\. "
    return re.findall(pattern, finished.stderr)


def line_of(source: str, text: str) -> str:
    # The script begins with one line of the test tools.
    return str((START + source).split(text)[0].count("\n") + 2)


DROPPED = {
    "async-by-hand": """
async def main():
    bay = AsyncAgentBay(key, config)
    await bay.session().__aenter__()
    print("end")
asyncio.run(main())
""",
    "async-loop-closed": """
async def hold():
    async with AsyncAgentBay(key, config).session():
        entered.set()
        await asyncio.Event().wait()

async def main():
    global entered
    entered = asyncio.Event()
    tasks.append(asyncio.create_task(hold()))
    await entered.wait()
    await asyncio.get_running_loop().shutdown_asyncgens()

tasks = []
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.close()
tasks.clear()
gc.collect()
print("end")
""",
    "blocking-by-hand": """
def main():
    bay = AgentBay(key, config)
    bay.session().__enter__()
main()
gc.collect()
print("end")
""",
}


@pytest.mark.parametrize("source", DROPPED.values(), ids=DROPPED)
async def test_one_that_is_dropped_warns_once(service: RecordingServer, source: str) -> None:
    finished = await run(service, source)
    assert finished.exit_code == 0
    assert finished.lines == ["end"]
    line = line_of(source, "AgentBay(key, config)")
    assert warned(finished) == [("s-1", line)]
    assert "RuntimeError" not in finished.stderr


async def test_at_exit_the_blocking_surface_leaves_even_such_a_scope(
    service: RecordingServer,
) -> None:
    for name, source in DROPPED.items():
        before = set(service.sessions)
        await run(service, source)
        assert (set(service.sessions) == before) == name.startswith("blocking")


@pytest.mark.parametrize("source", DROPPED.values(), ids=DROPPED)
async def test_by_default_python_keeps_it_to_itself(service: RecordingServer, source: str) -> None:
    finished = await asyncio.to_thread(run_script, START + source, flags=(), env=env(service))
    assert finished.exit_code == 0
    assert "ResourceWarning" not in finished.stderr


async def test_a_task_that_is_lost_in_a_running_loop(service: RecordingServer) -> None:
    source = """
import anyio

class Never:
    def __await__(self):
        yield asyncio.get_running_loop().create_future()  # which only this refers to

async def hold(bay):
    async with bay.session():
        entered.set()
        await Never()

async def main():
    global entered
    entered = asyncio.Event()
    async with AsyncAgentBay(key, config) as bay:
        task = asyncio.create_task(hold(bay))
        await entered.wait()
        del task
        gc.collect()
        with anyio.fail_after(20):
            while (await bay.list()).unwrap():
                await anyio.sleep(0.01)
        async with bay.session():
            print("usable")

asyncio.run(main())
"""
    finished = await run(service, source)
    assert finished.lines == ["usable"]
    assert finished.exit_code == 0
    assert service.sessions == {}
    assert "cancel scope" not in finished.stderr


LEFT = {
    "async": """
async def main():
    async with AsyncAgentBay(key, config) as bay, bay.session():
        print("end")
asyncio.run(main())
""",
    "async-error": """
async def main():
    try:
        async with AsyncAgentBay(key, config).session():
            raise ValueError
    except ValueError:
        print("end")
asyncio.run(main())
gc.collect()
""",
    "async-task-at-the-end-of-run": """
async def hold():
    async with AsyncAgentBay(key, config).session():
        entered.set()
        await asyncio.Event().wait()

async def main():
    global entered, task
    entered = asyncio.Event()
    task = asyncio.create_task(hold())
    await entered.wait()
    print("end")
asyncio.run(main())
""",
    "async-generator": """
async def sessions():
    async with AsyncAgentBay(key, config).session() as session:
        yield session

async def main():
    async for session in sessions():
        break
    print("end")
asyncio.run(main())
""",
    "async-generator-closed": """
async def sessions():
    async with AsyncAgentBay(key, config).session() as session:
        yield session

async def main():
    opened = sessions()
    await anext(opened)
    await asyncio.create_task(opened.aclose())
    print("end")
asyncio.run(main())
""",
    "blocking": """
with AgentBay(key, config) as bay, bay.session():
    print("end")
""",
    "blocking-at-exit": """
scope = AgentBay(key, config).session()
scope.__enter__()
print("end")
""",
    "blocking-generator": """
def sessions():
    with AgentBay(key, config).session() as session:
        yield session

next(sessions())
print("end")
""",
    "blocking-by-exception-at-exit": """
import sys
with AgentBay(key, config).session():
    print("end")
    sys.exit(0)
""",
}


@pytest.mark.parametrize("source", LEFT.values(), ids=LEFT)
async def test_one_that_is_left_says_nothing(service: RecordingServer, source: str) -> None:
    await without_warning(service, source)


async def test_entering_that_fails_says_nothing(service: RecordingServer) -> None:
    source = """
from agentbay import AgentBayError
try:
    with AgentBay("wrong key", config).session():
        print("never")
except AgentBayError:
    pass

async def main():
    try:
        async with AsyncAgentBay("wrong key", config).session():
            print("never")
    except AgentBayError:
        print("end")
asyncio.run(main())
gc.collect()
"""
    lines = await asyncio.to_thread(lines_of, START + source, flags=STRICT, env=env(service))
    assert lines == ["end"]
