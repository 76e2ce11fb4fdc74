"""The runtime under load: many sessions, limits with a clear refusal, and nobody left behind."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from agentbay._wire.channel import Frame
from agentbay.local import LocalRuntime, LocalRuntimeError
from agentbay.local import admission as admission_module
from agentbay.local import relay as relay_module
from agentbay.local import session as session_module
from agentbay.local.channel import hub as hub_module
from agentbay.local.turns import QueueFullError, Turns
from tests.local.child import descendants_of, end, serving, still_running
from tests.local.wire import DEADLINE, Answer, Started, Wire, until, wire_at, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

SESSIONS = 40
PATIENCE = 45.0
"""With so many at once, on a machine that has other things to do."""
THROTTLED = (429, "Throttling")
NEVER = {"command": "sleep 600", "timeout_ms": 600_000}


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_many_sessions_at_once_leave_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(tmp_path, data_dir=str(data_dir)) as server:
        before = descriptors(server.process.pid)
        async with wire_at(server.endpoint, server.api_key, PATIENCE) as wire:
            sessions = await asyncio.gather(*(wire.create() for _ in range(SESSIONS)))
            printed = await asyncio.gather(*(wire.shell(s, "cat /etc/hostname") for s in sessions))
            assert sorted(printed) == sorted(f"{session.id}\n" for session in sessions)
            with descendants_of(server.process.pid) as processes:
                assert len(processes) >= 3 * SESSIONS
                answers = await asyncio.gather(*(release(wire, s) for s in sessions))
                assert {answer.status for answer in answers} == {200}
                assert still_running(processes) == []
        assert list((data_dir / "sandboxes").iterdir()) == []
        await until(lambda: descriptors(server.process.pid) == before)
        assert end(server, signal.SIGTERM)[0] == 0


async def release(wire: Wire, session: Started) -> Answer:
    return await wire.action("ReleaseMcpSession", {"SessionId": session.id})


def test_a_server_uses_the_open_files_that_it_may_have(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh"]
    with serving(tmp_path, inside=limited) as server:
        soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        assert soft == hard > 256
        end(server, signal.SIGTERM)


async def test_sessions_above_the_limit_are_refused() -> None:
    async with LocalRuntime(network="none", max_sessions=2) as runtime, wire_to(runtime) as wire:
        answers = await asyncio.gather(*(wire.action("CreateMcpSession") for _ in range(5)))
        made = [answer for answer in answers if answer.status == 200]
        refused = [answer for answer in answers if answer.status != 200]
        assert len(made) == len(runtime.sessions) == 2
        for answer in refused:
            assert answer.error == THROTTLED
            assert answer.retry_after >= 1
            assert "is at its limit of sessions, 2" in answer.message
            assert "--max-sessions" in answer.message
        await wire.action("ReleaseMcpSession", {"SessionId": made[0].data["SessionId"]})
        await wire.create()


async def test_sessions_that_come_to_nothing_are_not_counted(tmp_path: Path) -> None:
    async with (
        LocalRuntime(network="none", max_sessions=1, data_dir=tmp_path) as runtime,
        wire_to(runtime) as wire,
    ):
        form = {"ImageId": "no-such-image"}
        assert (await wire.action("CreateMcpSession", form)).status == 400
        creation = asyncio.create_task(wire.create())
        await until(lambda: any((tmp_path / "sandboxes").iterdir()))
        assert (await wire.action("CreateMcpSession")).error == THROTTLED
        creation.cancel()
        with anyio.fail_after(10):
            while (await wire.action("CreateMcpSession")).status != 200:
                pass  # it is being undone
        assert len(runtime.sessions) == 1


def test_the_limit_has_to_be_a_number_of_sessions() -> None:
    with pytest.raises(LocalRuntimeError, match="max_sessions must be at least 1"):
        LocalRuntime(max_sessions=0)


def test_the_default_limit_keeps_within_the_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    assert admission_module.default_max_sessions() >= 1
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert admission_module.default_max_sessions() <= 1024 // 12
    monkeypatch.setattr(admission_module, "memory_limit", lambda *_: 512 * 2**20)
    assert admission_module.default_max_sessions() == 12


async def test_starts_wait_in_a_bounded_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "_STARTS_AT_ONCE", 1)
    monkeypatch.setattr(admission_module, "_STARTS_WAITING", 3)
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        answers = await asyncio.gather(*(wire.action("CreateMcpSession") for _ in range(12)))
        assert sum(answer.status == 200 for answer in answers) >= 4
        refused = [answer for answer in answers if answer.status != 200]
        assert refused
        for answer in refused:
            assert answer.error == THROTTLED
            assert "wait for their start" in answer.message
            assert answer.retry_after >= 1
        await wire.create()


async def test_the_warm_pool_gives_way_to_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "_STARTS_AT_ONCE", 1)
    async with LocalRuntime(network="none", warm=2) as runtime, wire_to(runtime) as wire:
        sessions = await asyncio.gather(*(wire.create() for _ in range(8)))
        assert len({session.id for session in sessions}) == 8
        await until(lambda: runtime.sessions.warm == 2)


@pytest.fixture
async def small(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """A runtime whose sessions take two calls at once, and let two more wait."""
    monkeypatch.setattr(session_module, "_CALLS_AT_ONCE", 2)
    monkeypatch.setattr(session_module, "_CALLS_WAITING", 2)
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        yield wire


def call(wire: Wire, session: Started, arguments: dict[str, Any]) -> asyncio.Task[Answer]:
    form = {"SessionId": session.id, "Name": "shell", "Args": json.dumps(arguments)}
    return asyncio.create_task(wire.action("CallMcpTool", form))


async def fill(wire: Wire, session: Started) -> list[asyncio.Task[Answer]]:
    """Make calls that do not end until there is room for no more, and return those."""
    calls = [call(wire, session, NEVER) for _ in range(6)]
    refused: set[asyncio.Task[Answer]] = set()
    while len(refused) < 2:
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        refused |= done
        calls = [task for task in calls if task not in refused]
    for task in refused:
        answer = task.result()
        assert answer.error == THROTTLED
        assert answer.retry_after >= 1
        assert f"Session {session.id} has 2 tool calls in progress and 2 waiting" in answer.message
    return calls


async def test_calls_above_the_limit_of_a_session_are_refused_on_either_route(small: Wire) -> None:
    full, other = await small.create(), await small.create()
    calls = await fill(small, full)
    async with small.http.post(
        f"{full.link_url}/callTool",
        json={"tool": "shell", "server": "", "args": NEVER, "token": full.token},
        headers={"X-Access-Token": full.token},
    ) as response:
        assert response.status == 429
        assert int(response.headers["Retry-After"]) >= 1
        assert (await response.json())["Code"] == "Throttling"
    assert await small.shell(other, "echo free") == "free\n"
    await cancel(calls)


async def cancel(calls: list[asyncio.Task[Answer]]) -> None:
    for task in calls:
        task.cancel()
    await asyncio.wait(calls)


async def test_a_session_does_not_hold_more_than_so_much(
    monkeypatch: pytest.MonkeyPatch, small: Wire
) -> None:
    monkeypatch.setattr(session_module, "_MOST_CHARACTERS", 1000)
    session = await small.create()
    half = {**NEVER, "command": f"touch on; sleep 600 # {'x' * 600}"}
    first = call(small, session, half)
    assert await small.shell(session, "until [ -e on ]; do sleep 0.01; done; echo on") == "on\n"
    answer = await call(small, session, half)
    assert answer.error == THROTTLED
    assert answer.retry_after >= 1
    assert f"session {session.id} are" in answer.message
    await cancel([first])
    # Alone, a call may be as large as a request can be.
    whole = {"command": f"echo on # {'x' * 2000}"}
    with anyio.fail_after(10):
        while (answer := await call(small, session, whole)).status == 429:
            pass
    assert answer.data["isError"] is False


async def test_callers_that_are_gone_leave_the_queue(small: Wire) -> None:
    session = await small.create()
    for _ in range(3):
        await cancel(await fill(small, session))
        # The runtime hears of it a moment later.
        with anyio.fail_after(10):
            while (answer := await call(small, session, {"command": "true"})).status == 429:
                pass
        assert answer.status == 200


async def test_calls_that_wait_end_with_their_session(small: Wire) -> None:
    session = await small.create()
    calls = await fill(small, session)
    await release(small, session)
    answers = await asyncio.gather(*calls)
    ended = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status != 200]
    assert all(answer.data["isError"] for answer in ended)
    assert {answer.error for answer in refused} == {(400, "InvalidSessionState")}
    assert (len(ended), len(refused)) == (2, 2)


async def test_a_session_with_too_many_exchanges_refuses_more(
    monkeypatch: pytest.MonkeyPatch, wire: Wire, started: Started
) -> None:
    monkeypatch.setattr(hub_module, "MAX_EXCHANGES", 2)
    headers = {"X-Access-Token": started.token}
    code = "import time; print('on', flush=True); time.sleep(600)"
    run = {"method": "run_code", "mode": "stream", "params": {"language": "python", "code": code}}
    async with (
        wire.http.ws_connect(started.data["WsUrl"], headers=headers) as first,
        wire.http.ws_connect(started.data["WsUrl"], headers=headers) as second,
    ):
        await first.send_str(Frame("i-0", "SDK", "wuying_codespace", run).to_text())
        while "on" not in (await first.receive(timeout=10)).data:
            pass
        for identity in ("i-1", "i-2"):  # the first one waits for the interpreter
            await second.send_str(Frame(identity, "SDK", "wuying_codespace", run).to_text())
        refusal = Frame.from_text((await second.receive(timeout=10)).data)
        assert refusal.id == "i-2"
        assert (refusal.data or {})["code"] == "too_many"


async def test_a_link_with_too_many_requests_refuses_more(
    monkeypatch: pytest.MonkeyPatch, wire: Wire, started: Started
) -> None:
    monkeypatch.setattr(relay_module, "MAX_REQUESTS", 1)
    await wire.shell(
        started, "mkfifo pipe; python3 -m http.server -b 127.0.0.1 30150 >/dev/null 2>&1 &"
    )
    form = {"SessionId": started.id, "ProtocolType": "https", "Port": "30150"}
    url = str((await wire.action("GetLink", form)).data["Url"])
    await answered(wire, url, 200)
    # Nobody writes to the pipe, so this one is not answered.
    stuck = asyncio.create_task(answered(wire, url.replace("/?", "/pipe?"), 200))
    headers = await answered(wire, url, 429)
    assert int(headers["Retry-After"]) >= 1
    stuck.cancel()
    await asyncio.wait([stuck])
    await answered(wire, url, 200)


async def answered(wire: Wire, url: str, status: int) -> Mapping[str, str]:
    """Ask until the answer has that status, and return its headers."""
    with anyio.fail_after(DEADLINE):
        while True:
            async with wire.http.get(url) as response:
                if response.status == status:
                    return response.headers


async def test_a_flooded_session_does_not_hold_up_others() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        loud, quiet = await wire.create(), await wire.create()
        # The command of each ends after a while only, so most of the calls are waiting.
        flood = [call(wire, loud, {**NEVER, "command": "sleep 600"}) for _ in range(500)]
        with anyio.fail_after(10):
            for _ in range(20):
                assert await wire.shell(quiet, "echo free") == "free\n"
        assert not any(task.done() for task in flood)
        await cancel(flood)


async def test_large_calls_do_not_hold_up_others(wire: Wire, started: Started) -> None:
    other = await wire.create()
    text = "x" * 2_000_000
    writes = [
        asyncio.create_task(wire.tool(started, "write_file", {"path": str(n), "content": text}))
        for n in range(40)
    ]
    with anyio.fail_after(15):
        for _ in range(20):
            assert await wire.shell(other, "echo free") == "free\n"
    results = await asyncio.gather(*writes)
    assert not any(result["isError"] for result in results)
    assert await wire.shell(started, "cat 39 | wc -c") == f"{len(text)}\n"
    await release(wire, other)


async def test_turns_are_taken_in_order() -> None:
    turns = Turns(at_once=1, waiting=10)
    order: list[str] = []

    async def take(name: str, *, spare_time: bool = False) -> None:
        async with turns.turn(spare_time=spare_time):
            order.append(name)

    async with anyio.create_task_group() as group, turns.turn():
        group.start_soon(lambda: take("spare", spare_time=True))
        await anyio.wait_all_tasks_blocked()
        for name in ("first", "second", "third"):
            group.start_soon(take, name)
            await anyio.wait_all_tasks_blocked()
        assert (turns.busy, turns.waiting) == (1, 3)
    assert order == ["first", "second", "third", "spare"]
    assert (turns.busy, turns.waiting) == (0, 0)


async def test_who_is_cancelled_while_waiting_leaves_the_queue() -> None:
    turns = Turns(at_once=1, waiting=2)

    async def take() -> None:
        async with turns.turn():
            await anyio.sleep_forever()

    tasks = [asyncio.create_task(take()) for _ in range(3)]
    await anyio.wait_all_tasks_blocked()
    with pytest.raises(QueueFullError) as caught:
        async with turns.turn():
            pytest.fail("there was room")
    assert caught.value.retry_after >= 1
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    assert (turns.busy, turns.waiting) == (1, 1)
    # Both in the same round: the turn is passed to one that does not want it any more.
    tasks[0].cancel()
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert (turns.busy, turns.waiting) == (0, 0)
    async with turns.turn():
        assert turns.busy == 1
