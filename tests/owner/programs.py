"""Programs that use the package side by side, to be killed or to live on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from typing_extensions import Self

from tests.children import ROOT

START = """
import asyncio, json, os, sys
from agentbay import AgentBay, AsyncAgentBay, Config, CreateSessionParams

config = Config(endpoint=os.environ["ENDPOINT"], owner=os.environ["OWNER"])
key = os.environ["KEY"]
"""

CREATE_WITHOUT_END = """
async def create(bay):
    while True:
        print((await bay.create()).unwrap().session_id, flush=True)

async def main():
    bay = AsyncAgentBay(key, config)
    await asyncio.gather(*[create(bay) for _ in range(8)])

asyncio.run(main())
"""

FLEET_AT_WORK = """
async def work(session, item):
    print(session.session_id, flush=True)
    await asyncio.Event().wait()

async def main():
    async with AsyncAgentBay(key, config).fleet(concurrency=8) as fleet:
        async for outcome in fleet.map(work, range(100)):
            raise AssertionError(outcome)

asyncio.run(main())
"""

CREATE_AND_USE = """
bay = AgentBay(key, config)
sessions = [bay.create().unwrap() for _ in range(3)]
print(*sorted(session.session_id for session in sessions), flush=True)
input()
for session in sessions:
    print(session.command.execute_command("echo works").unwrap().stdout.strip(), flush=True)
    session.delete().unwrap()
"""

REAP = """
input()
result = AgentBay(key, config).reap()
print(json.dumps([result.success, result.error_message, result.deleted, dict(result.kept)]))
"""


class Program:
    """One child process that reads and prints lines; killed when it is left."""

    def __init__(self, source: str, env: dict[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if "AGENTBAY" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-c", START + source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=clean | env,
            text=True,
        )

    def line(self) -> str:
        """Return the next line that it prints; empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        """Let it go on after its ``input()``."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self) -> list[str]:
        """Wait until it ends well; return what it still prints."""
        printed, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return printed.splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def programs(env: dict[str, str], *sources: str) -> Iterator[list[Program]]:
    """Run all of these at the same time."""
    with ExitStack() as stack:
        yield [stack.enter_context(Program(source, env)) for source in sources]
