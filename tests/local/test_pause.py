"""Pausing and resuming, as clients follow it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import anyio
import pytest

from agentbay.local import LocalRuntime
from agentbay.local.sandbox.base import SandboxError
from tests.local.wire import DEADLINE, Started, Wire, until, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agentbay.local.runtime import IsolationName

GONE = (400, "InvalidMcpSession.NotFound")
WRONG_STATE = (400, "InvalidSessionState")
# That nothing happens has no event: long enough for a running counter to be seen.
LOOK_SECONDS = 0.1


async def state(wire: Wire, session: Started) -> str:
    return str((await wire.action("GetSession", {"SessionId": session.id})).data["Status"])


async def change(wire: Wire, session: Started, action: str, passing: str, final: str) -> None:
    """Ask for a change and poll as clients do, who take any other state for a failure."""
    answer = await wire.action(action, {"SessionId": session.id})
    assert answer.status == 200, answer.body
    assert answer.body["Success"] is True
    assert "Data" not in answer.body
    with anyio.fail_after(DEADLINE):
        while (found := await state(wire, session)) != final:
            assert found == passing
            await anyio.sleep(0.001)


async def pause(wire: Wire, session: Started) -> None:
    await change(wire, session, "PauseSessionAsync", "PAUSING", "PAUSED")


async def resume(wire: Wire, session: Started) -> None:
    await change(wire, session, "ResumeSessionAsync", "RESUMING", "RUNNING")


@pytest.fixture(params=["bubblewrap", "none"])
async def own(request: pytest.FixtureRequest) -> AsyncIterator[tuple[LocalRuntime, Wire]]:
    isolation: IsolationName = request.param
    network: Literal["none", "host"] = "none" if isolation == "bubblewrap" else "host"
    async with (
        LocalRuntime(isolation=isolation, network=network) as runtime,
        wire_to(runtime) as wire,
    ):
        yield runtime, wire


async def test_a_paused_session_says_so_everywhere(wire: Wire) -> None:
    session = await wire.create({"Labels": '{"set": "paused"}'})
    await pause(wire, session)
    assert await wire.status(session.id) == "PAUSED"
    for status, expected in (("PAUSED", [session.id]), ("RUNNING", []), ("PAUSING", [])):
        form = {"Labels": '{"set": "paused"}', "Status": status}
        listing = (await wire.action("ListSession", form)).data
        assert [item["SessionId"] for item in listing] == expected
        assert {item["SessionStatus"] for item in listing} <= {status}
    await resume(wire, session)
    assert await wire.status(session.id) == "RUNNING"
    assert await wire.shell(session, "echo alive") == "alive\n"
    await wire.action("ReleaseMcpSession", {"SessionId": session.id})


async def test_the_state_has_changed_before_the_reply(
    own: tuple[LocalRuntime, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, wire = own
    session = await wire.create()
    sandbox = runtime.sessions.get(session.id).sandbox
    release = anyio.Event()
    freeze, thaw = sandbox.freeze, sandbox.thaw

    async def freeze_when_told() -> None:
        await release.wait()
        await freeze()

    async def thaw_when_told() -> None:
        await release.wait()
        await thaw()

    monkeypatch.setattr(sandbox, "freeze", freeze_when_told)  # holds the states still
    monkeypatch.setattr(sandbox, "thaw", thaw_when_told)
    for action, opposite, passing, final in (
        ("PauseSessionAsync", "ResumeSessionAsync", "PAUSING", "PAUSED"),
        ("ResumeSessionAsync", "PauseSessionAsync", "RESUMING", "RUNNING"),
    ):
        form = {"SessionId": session.id}
        for _ in range(2):  # the second changes nothing
            assert (await wire.action(action, form)).status == 200
            assert await state(wire, session) == passing
            assert await wire.status(session.id) == passing
        refused = await wire.action(opposite, form)
        assert refused.error == WRONG_STATE
        assert f"{session.id} is {passing}" in refused.message
        release.set()
        await change(wire, session, action, passing, final)
        release = anyio.Event()


async def test_what_is_so_already_succeeds(wire: Wire, started: Started) -> None:
    await resume(wire, started)
    await pause(wire, started)
    await pause(wire, started)
    assert await state(wire, started) == "PAUSED"
    await resume(wire, started)
    await resume(wire, started)


@pytest.mark.parametrize(
    "action", ["PauseSessionAsync", "ResumeSessionAsync", "RefreshSessionIdleTime"]
)
async def test_unknown_sessions(wire: Wire, action: str) -> None:
    assert (await wire.action(action, {"SessionId": "s-unknown"})).error == GONE
    missing = await wire.action(action)
    assert missing.error == (400, "MissingParameter")


async def test_tools_are_refused_at_once(wire: Wire, started: Started) -> None:
    await pause(wire, started)
    form = {"SessionId": started.id, "Name": "shell", "Args": '{"command": "true"}'}
    refused = await wire.action("CallMcpTool", form)
    assert refused.error == WRONG_STATE
    text = f"Session {started.id} is PAUSED: tools need a RUNNING session; resume it first"
    assert refused.message == text
    direct = await wire.link(started, "shell", {"command": "true"})
    assert direct["isError"] is True
    assert direct["content"][0]["text"] == text
    await resume(wire, started)


async def test_nothing_runs_and_nothing_is_lost(own: tuple[LocalRuntime, Wire]) -> None:
    """Fifty times in a row."""
    runtime, wire = own
    session = await wire.create()
    sandbox = runtime.sessions.get(session.id).sandbox
    await wire.shell(session, "echo content >file; touch count")
    keep = "export KEPT=kept; i=0; while :; do i=$((i+1)); echo $i $KEPT >>count; done"
    await wire.shell(session, f"({keep}) >/dev/null 2>&1 & echo $! >pid")
    (counter,) = [*sandbox.spec.root.rglob("count")]

    async def counted() -> bool:
        before = counter.stat().st_size
        await anyio.sleep(LOOK_SECONDS)
        return counter.stat().st_size > before

    await pause(wire, session)
    assert not await counted()
    await resume(wire, session)
    for _ in range(49):
        await pause(wire, session)
        await resume(wire, session)
    assert await counted()
    assert await wire.shell(session, "cat file; kill $(cat pid)") == "content\n"
    lines = counter.read_text().splitlines()
    assert lines == [f"{number} kept" for number in range(1, len(lines) + 1)]


async def test_a_call_in_progress_waits(wire: Wire, started: Started) -> None:
    results: list[dict[str, Any]] = []
    command = "touch begun; until [ -e go ]; do sleep 0.01; done; echo done"
    async with anyio.create_task_group() as group:

        async def call() -> None:
            arguments = {"command": command, "timeout_ms": 10_000}
            results.append(await wire.link(started, "shell", arguments))

        group.start_soon(call)
        await wire.shell(started, "until [ -e begun ]; do sleep 0.01; done")
        await pause(wire, started)
        await resume(wire, started)
        await wire.shell(started, "touch go")
    assert results[0]["isError"] is False
    assert json.loads(results[0]["content"][0]["text"])["stdout"] == "done\n"


@pytest.mark.parametrize("action", ["DeleteSessionAsync", "ReleaseMcpSession"])
@pytest.mark.parametrize("waiting", [True, False], ids=["paused", "pausing"])
async def test_a_paused_session_can_be_deleted(
    own: tuple[LocalRuntime, Wire], action: str, waiting: bool
) -> None:
    runtime, wire = own
    started = await wire.create()
    session = runtime.sessions.get(started.id)
    await wire.shell(started, "sleep 1000 >/dev/null 2>&1 &")
    if waiting:
        await pause(wire, started)
    else:
        await wire.action("PauseSessionAsync", {"SessionId": started.id})
    assert (await wire.action(action, {"SessionId": started.id})).status == 200
    with anyio.fail_after(DEADLINE):
        await session.ended.wait()
    assert await wire.status(started.id) == "FINISH"
    assert not session.sandbox.spec.root.exists()
    for after in ("PauseSessionAsync", "ResumeSessionAsync"):
        assert (await wire.action(after, {"SessionId": started.id})).error == GONE


async def test_a_session_being_deleted_cannot_be_paused(
    own: tuple[LocalRuntime, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, wire = own
    started = await wire.create()
    session = runtime.sessions.get(started.id)
    release = anyio.Event()
    close = session.sandbox.close

    async def close_when_told() -> None:
        await release.wait()
        await close()

    monkeypatch.setattr(session.sandbox, "close", close_when_told)  # holds the state still
    await wire.action("DeleteSessionAsync", {"SessionId": started.id})
    for action in ("PauseSessionAsync", "ResumeSessionAsync", "RefreshSessionIdleTime"):
        refused = await wire.action(action, {"SessionId": started.id})
        assert refused.error == WRONG_STATE
        assert f"{started.id} is DELETING" in refused.message
    release.set()
    with anyio.fail_after(DEADLINE):
        await session.ended.wait()


async def test_a_pause_that_fails_leaves_a_running_session(
    own: tuple[LocalRuntime, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, wire = own
    started = await wire.create()
    session = runtime.sessions.get(started.id)

    async def fail() -> None:
        raise SandboxError("processes do not stop")

    with monkeypatch.context() as patch:
        patch.setattr(session.sandbox, "freeze", fail)  # the kernel cannot be made to
        await wire.action("PauseSessionAsync", {"SessionId": started.id})
        await until(lambda: session.state.value == "RUNNING")
    assert await wire.status(started.id) == "RUNNING"
    await pause(wire, started)


async def test_the_runtime_stops_with_paused_sessions() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        session = await wire.create()
        sandbox = runtime.sessions.get(session.id).sandbox
        await pause(wire, session)
    assert not sandbox.alive


async def test_idle_time_stands_still_while_paused(own: tuple[LocalRuntime, Wire]) -> None:
    runtime, wire = own
    paused = await wire.create({"Timeout": "1"})
    await pause(wire, paused)
    idle = await wire.create({"Timeout": "1"})
    await until(lambda: len(runtime.sessions) == 1)
    assert await wire.status(idle.id) == "FINISH"
    assert await wire.status(paused.id) == "PAUSED"
    await resume(wire, paused)
    await until(lambda: len(runtime.sessions) == 0)
    query = {"SessionId": paused.id}
    detail = (await wire.action("GetSessionDetail", query=query)).data
    assert detail["EndReason"] == "IdleTimeout"
