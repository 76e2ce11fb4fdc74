"""Ctrl-C at any suspension of a blocking call: nothing is left over, and the client goes on."""

from __future__ import annotations

import random
import signal
import textwrap
from functools import partial
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from tests.cancellation.matrix import EVERYWHERE
from tests.cancellation.operations import COSTLY
from tests.children import run_script

if TYPE_CHECKING:
    from tests.cancellation.world import Service

ANYWHERE = ("create", "session_scope", "delete", "pause", "call_tool", "list_all", "fleet_map")
TIMES = {"once": (), "again": (1,), "thrice": (2, 3)}


def interrupt_everywhere(service: Service, name: str, further: tuple[int, ...]) -> None:
    stride = 1 if EVERYWHERE else 13 if name in COSTLY else 3
    finished = run_script(
        f"""
        from tests.cancellation.interrupted import main
        main({name!r}, *{further!r}, stride={stride})
        """,
        env={"AGENTBAY_ENDPOINT": service.endpoint, "AGENTBAY_API_KEY": service.api_key},
        timeout=600 if EVERYWHERE else 60,
    )
    assert finished.exit_code == 0, finished.stderr
    assert finished.stderr == ""
    said, times = finished.lines[0].split()
    assert said == name
    assert int(times) > 0


@pytest.mark.timeout(660)
@pytest.mark.parametrize("further", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("name", ANYWHERE)
def test_on_a_service_that_forgives_nothing(
    recording: Service, name: str, further: tuple[int, ...]
) -> None:
    interrupt_everywhere(recording, name, further)


@pytest.mark.timeout(660)
@pytest.mark.parametrize("further", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("name", ["session_scope", "upload_file", "running_command"])
def test_on_the_local_runtime(local: Service, name: str, further: tuple[int, ...]) -> None:
    interrupt_everywhere(local, name, further)


PROGRAMS = {
    "scopes": """
        while True:
            with bay.session() as session:
                session.call_mcp_tool("shell", {"command": "true"})
        """,
    "fleet": """
        def work(session, item):
            return session.call_mcp_tool("shell", {"command": "true"}).data

        while True:
            with bay.fleet(concurrency=3) as fleet:
                for outcome in fleet.map(work, range(6)):
                    outcome.unwrap()
        """,
}


@pytest.mark.parametrize("number", range(10 if EVERYWHERE else 4))
@pytest.mark.parametrize("program", PROGRAMS)
async def test_kill_at_any_time(recording: Service, program: str, number: int) -> None:
    seconds = random.Random(number).uniform(0, 0.4)
    begin = f"""
        import os, signal, sys
        from agentbay import AgentBay

        # Python drops an interrupt that comes within a callback of a weak reference. Press again.
        def again(dropped):
            assert dropped.exc_type is KeyboardInterrupt, dropped
            os.kill(os.getpid(), signal.SIGINT)

        sys.unraisablehook = again
        bay = AgentBay()
        bay.list().unwrap()
        kill = f"sleep {seconds}; kill -INT {{os.getpid()}}"
        os.posix_spawn("/bin/sh", ["sh", "-c", kill], os.environ)
        """
    environment = {"AGENTBAY_ENDPOINT": recording.endpoint, "AGENTBAY_API_KEY": recording.api_key}
    source = textwrap.dedent(begin) + textwrap.dedent(PROGRAMS[program])
    finished = await to_thread.run_sync(partial(run_script, source, env=environment))
    assert (finished.exit_code, finished.lines) == (-signal.SIGINT, [])
    assert finished.stderr.rstrip().endswith("KeyboardInterrupt")
    async with recording.client() as witness:
        assert [info.session_id async for info in witness.list_all()] == []
