"""What a killed runtime leaves, and what the next one makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from agentbay.local.sandbox.cgroups import find_hierarchies, stale_groups
from tests.local.child import Server, descendants_of, end, serving, still_running
from tests.local.contexts import ROOT, fetch, info, item, new_context, put, start, sync
from tests.local.wire import Started, Wire, until, wire_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

SESSIONS = 20
GONE = (aiohttp.ClientError, ConnectionError)
# Files and directories that come and go, in a process that no command waits for.
WRITE_ON = (
    "setsid sh -c 'while :; do mkdir -p a/b/c; touch a/b/c/$$ x; rm -rf a; done' "
    ">/dev/null 2>&1 & until [ -e x ]; do :; done"
)


def groups_of(pid: int) -> list[Path]:
    """Return the control groups that the process *pid*, which has ended, has left."""
    mounts = Path("/proc/self/mountinfo").read_text()
    hierarchies = find_hierarchies(mounts, Path("/proc/self/cgroup").read_text())
    found = {path for hierarchy in hierarchies for path in stale_groups(hierarchy.mount)}
    return [path for path in found if f"-{pid}-" in path.name]


def marked_by(pid: int) -> list[str]:
    """Return the processes that the process *pid* has started, wherever they are now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended, or belongs to somebody else
        if any(v.startswith(b"AGENTBAY_OWNER=") and b"-%d-" % pid in v for v in variables):
            found.append(path.parent.name)
    return found


async def until_killed(call: Awaitable[Any]) -> None:
    """Await what the end of the runtime ends."""
    with pytest.raises(GONE):
        await call


async def created_or_gone(wire: Wire) -> None:
    with contextlib.suppress(*GONE):
        await wire.create()


async def stream(wire: Wire, session: Started) -> None:
    """Listen to a program on the session's WebSocket until the connection is lost."""
    headers = {"X-Access-Token": session.token}
    async with wire.http.ws_connect(session.data["WsUrl"], headers=headers) as socket:
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.TEXT


async def upload_again_and_again(wire: Wire, session: Started) -> None:
    while True:
        await sync(wire, session)
        while (await info(wire, session, TaskType="upload"))[0]["status"] == "InProgress":
            await anyio.lowlevel.checkpoint()


async def make_work(wire: Wire, sessions: Sequence[Started], group: anyio.abc.TaskGroup) -> None:
    """Have something going on in every session: in the background, and for somebody who waits."""
    await asyncio.gather(*(wire.shell(session, WRITE_ON) for session in sessions))
    for session in sessions[:10]:
        command = {"command": "touch waiting; sleep 600", "timeout_ms": 600_000}
        group.start_soon(until_killed, wire.link(session, "shell", command))
    for session in sessions[10:15]:
        group.start_soon(stream, wire, session)
    await asyncio.gather(
        *(wire.shell(s, "until [ -e waiting ]; do sleep 0.01; done") for s in sessions[:10])
    )


@asynccontextmanager
async def after(dead: Server, temporary: Path, data_dir: Path) -> AsyncIterator[Wire]:
    """Start a runtime on the directory of *dead*, of which nothing is left when it is ready."""
    with serving(temporary, data_dir=str(data_dir)) as server:
        await until(lambda: not marked_by(dead.process.pid))
        assert groups_of(dead.process.pid) == []
        assert list((data_dir / "sandboxes").iterdir()) == []
        async with wire_at(server.endpoint, server.api_key) as wire:
            yield wire
            session = await wire.create()
            assert await wire.shell(session, "echo works") == "works\n"
        code, _, log = await anyio.to_thread.run_sync(end, server, signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in log
    assert list((data_dir / "sandboxes").iterdir()) == []


async def test_the_next_runtime_clears_up_after_a_killed_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(tmp_path, data_dir=str(data_dir)) as server:
        async with (
            wire_at(server.endpoint, server.api_key) as wire,
            anyio.create_task_group() as group,
        ):
            context = await new_context(wire, "kept")
            await put(wire, context, f"{ROOT}/before", b"whole")
            sessions = await asyncio.gather(*(wire.create() for _ in range(SESSIONS)))
            storing = await start(wire, item(context))
            await wire.shell(storing, f"head -c 5000000 /dev/zero >{ROOT}/large")
            await make_work(wire, sessions, group)
            group.start_soon(until_killed, upload_again_and_again(wire, storing))
            with descendants_of(server.process.pid) as processes:
                assert len(processes) > 3 * SESSIONS
                end(server, signal.SIGKILL)
                # At once: what it has left may not be quite dead yet.
                async with after(server, tmp_path, data_dir) as again:
                    assert still_running(processes) == []
                    await is_lost(again, [*sessions, storing])
                    assert await fetch(again, context, f"{ROOT}/before") == b"whole"
                    large = await fetch(again, context, f"{ROOT}/large")
                    assert large is None or large == bytes(5_000_000)


async def is_lost(wire: Wire, sessions: Sequence[Started]) -> None:
    """Check that the sessions have ended, and that nothing pretends otherwise."""
    for session in sessions:
        query = {"SessionId": session.id}
        detail = (await wire.action("GetSessionDetail", query=query)).data
        assert (detail["Status"], detail["EndReason"]) == ("FINISH", "RuntimeLost")
        gone = (400, "InvalidMcpSession.NotFound")
        assert (await wire.action("GetSession", query)).error == gone
        call = {**query, "Name": "shell", "Args": '{"command": "true"}'}
        assert (await wire.action("CallMcpTool", call)).error == gone
    assert (await wire.action("ListSession", {"MaxResults": "10"})).data == []


@pytest.mark.parametrize("round_", range(3))
async def test_sandboxes_that_were_starting_leave_nothing(tmp_path: Path, round_: int) -> None:
    data_dir = tmp_path / "data"
    with serving(tmp_path, data_dir=str(data_dir)) as server:
        async with (
            wire_at(server.endpoint, server.api_key) as wire,
            anyio.create_task_group() as group,
        ):
            for _ in range(SESSIONS):
                group.start_soon(created_or_gone, wire)
            # The first ones are there, others have begun, and most have not.
            await until(lambda: len(list((data_dir / "sandboxes").iterdir())) > 3 * round_ + 1)
            end(server, signal.SIGKILL)
            async with after(server, tmp_path, data_dir):
                pass
