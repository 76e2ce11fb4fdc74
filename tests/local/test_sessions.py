"""The life of sessions, as clients follow it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest

from agentbay.local import LocalRuntime
from agentbay.local.images import resolve_image
from agentbay.local.sandbox.families import Process, look_at
from agentbay.local.session import Lifetime, NewSession, Session
from tests.isolation.processes import descendants
from tests.local.wire import DEADLINE, Started, Wire, connection_to, until, wire_to

GONE = (400, "InvalidMcpSession.NotFound")


async def ended(runtime: LocalRuntime, session_id: str) -> None:
    with anyio.fail_after(DEADLINE):
        await runtime.sessions.get(session_id).ended.wait()


async def test_a_new_session_is_described_and_usable(wire: Wire) -> None:
    started = await wire.create({"ImageId": "linux_latest"})
    data = started.data
    assert re.fullmatch("s-[a-z0-9]{17}", started.id)
    assert re.fullmatch("ai-[a-z0-9]{17}", data["AppInstanceId"])
    assert re.fullmatch("p-[a-z0-9]{17}", data["ResourceId"])
    assert data["Success"] is True
    assert data["LinkUrl"] == f"{wire.endpoint}/link/{started.id}"
    assert len(started.token) >= 40
    tools = {tool["name"]: tool["server"] for tool in json.loads(data["ToolList"])}
    assert tools["shell"] == "wuying_shell"
    assert tools["read_file"] == "wuying_filesystem"
    assert await wire.shell(started, "whoami; hostname; pwd") == (
        f"wuying\n{started.id}\n/home/wuying\n"
    )
    await wire.action("ReleaseMcpSession", {"SessionId": started.id})


async def test_get_session_tells_the_same_as_create(wire: Wire, started: Started) -> None:
    data = (await wire.action("GetSession", {"SessionId": started.id})).data
    assert data["Status"] == "RUNNING"
    for key in ("SessionId", "Token", "LinkUrl", "ToolList", "AppInstanceId", "ResourceId"):
        assert data[key] == started.data[key]


async def test_the_resource_of_a_session(wire: Wire, started: Started) -> None:
    data = (await wire.action("GetMcpResource", {"SessionId": started.id})).data
    assert data["SessionId"] == started.id
    assert data["DesktopInfo"]["ResourceId"] == started.data["ResourceId"]


async def test_a_deleted_session_goes_through_its_states() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        started = await wire.create()
        assert await wire.status(started.id) == "RUNNING"
        session = runtime.sessions.get(started.id)
        pid = session.sandbox.pid
        answer = await wire.action("DeleteSessionAsync", {"SessionId": started.id})
        assert answer.status == 200
        assert "Data" not in answer.body
        assert session.state.value in ("DELETING", "FINISH")
        with anyio.fail_after(DEADLINE):
            await session.ended.wait()
        detail = (await wire.action("GetSessionDetail", query={"SessionId": started.id})).data
        assert (detail["Status"], detail["EndReason"], detail["IsDeleted"]) == (
            "FINISH",
            "Deleted",
            1,
        )
        for action in ("GetSession", "DeleteSessionAsync", "CallMcpTool"):
            form = {"SessionId": started.id, "Name": "shell", "Args": '{"command": "true"}'}
            assert (await wire.action(action, form)).error == GONE
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert not session.sandbox.spec.root.exists()


async def test_a_session_being_deleted_says_so(
    runtime_and_wire: tuple[LocalRuntime, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, wire = runtime_and_wire
    started = await wire.create()
    session = runtime.sessions.get(started.id)
    release = anyio.Event()
    close = session.sandbox.close

    async def close_when_told() -> None:
        await release.wait()
        await close()

    monkeypatch.setattr(session.sandbox, "close", close_when_told)  # holds the state still
    for _ in range(2):
        answer = await wire.action("DeleteSessionAsync", {"SessionId": started.id})
        assert answer.status == 200
    assert await wire.status(started.id) == "DELETING"
    data = (await wire.action("GetSession", {"SessionId": started.id})).data
    assert data["Status"] == "DELETING"
    listing = await wire.action("ListSession", {"Status": "DELETING"})
    assert [item["SessionId"] for item in listing.data] == [started.id]
    form = {"SessionId": started.id, "Name": "shell", "Args": '{"command": "true"}'}
    refused = await wire.action("CallMcpTool", form)
    assert refused.error == (400, "InvalidSessionState")
    assert f"{started.id} is DELETING" in refused.message
    direct = await wire.link(started, "shell", {"command": "true"})
    assert direct["isError"] is True
    assert f"{started.id} is DELETING" in direct["content"][0]["text"]
    release.set()
    await ended(runtime, started.id)


@pytest.fixture
async def runtime_and_wire() -> Any:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        yield runtime, wire


async def test_release_returns_when_the_session_is_gone(wire: Wire) -> None:
    started = await wire.create()
    assert (await wire.action("ReleaseMcpSession", {"SessionId": started.id})).status == 200
    assert await wire.status(started.id) == "FINISH"


async def test_a_tool_call_in_progress_ends_with_the_session(wire: Wire) -> None:
    started = await wire.create()
    results: list[dict[str, Any]] = []

    async def sleep() -> None:
        command = {"command": "touch started; sleep 60", "timeout_ms": 60_000}
        results.append(await wire.link(started, "shell", command))

    async with anyio.create_task_group() as group:
        group.start_soon(sleep)
        await wire.shell(started, "until [ -e started ]; do sleep 0.01; done")
        await wire.action("ReleaseMcpSession", {"SessionId": started.id})
    assert results[0]["isError"] is True
    assert "ended before" in results[0]["content"][0]["text"]


async def test_a_sandbox_that_dies_ends_its_session(
    runtime_and_wire: tuple[LocalRuntime, Wire],
) -> None:
    runtime, wire = runtime_and_wire
    started = await wire.create()
    session = runtime.sessions.get(started.id)
    os.kill(session.sandbox.pid, signal.SIGKILL)
    with anyio.fail_after(DEADLINE):
        await session.ended.wait()
    detail = (await wire.action("GetSessionDetail", query={"SessionId": started.id})).data
    assert (detail["Status"], detail["EndReason"]) == ("FINISH", "SandboxDied")
    assert (await wire.action("GetSession", {"SessionId": started.id})).error == GONE


async def test_a_client_that_vanishes_during_create_leaves_no_session() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        sandboxes = runtime._require().data.sandboxes
        for _ in range(5):
            form = urlencode({"Authorization": f"Bearer {runtime.api_key}"})
            with connection_to(runtime.endpoint) as connection:
                connection.sendall(
                    b"POST /?Action=CreateMcpSession HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(form), form.encode())
                )
                await until(lambda: any(sandboxes.iterdir()))
            await until(lambda: not any(sandboxes.iterdir()) and len(runtime.sessions) == 0)
        assert (await wire.action("ListSession")).data == []


async def test_a_session_whose_reply_cannot_be_delivered_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        create = runtime.sessions.create
        made: list[str] = []

        async def create_then_lose_the_client(new: NewSession) -> Session:
            session = await create(new)
            made.append(session.id)
            connection.close()
            # Until the runtime has noticed, which it does by cancelling.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(DEADLINE)
            return session

        # The moment cannot be hit from outside.
        monkeypatch.setattr(runtime.sessions, "create", create_then_lose_the_client)
        form = urlencode({"Authorization": f"Bearer {runtime.api_key}"})
        connection = connection_to(runtime.endpoint)
        connection.sendall(
            b"POST /?Action=CreateMcpSession HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(form), form.encode())
        )
        await until(lambda: bool(made) and len(runtime.sessions) == 0)
        detail = (await wire.action("GetSessionDetail", query={"SessionId": made[0]})).data
        assert detail["EndReason"] == "CreatorDisconnected"


async def test_a_caller_that_vanishes_ends_its_command(wire: Wire, started: Started) -> None:
    body = json.dumps(
        {
            "tool": "shell",
            "token": started.token,
            "args": {"command": "echo $$ > pid; exec sleep 60", "timeout_ms": 60_000},
        }
    ).encode()
    with connection_to(wire.endpoint) as connection:
        connection.sendall(
            b"POST /link/%s/callTool HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
            % (started.id.encode(), len(body), body)
        )
        await wire.shell(started, "until [ -s pid ]; do sleep 0.01; done")
    await wire.shell(started, "while kill -0 $(cat pid); do sleep 0.01; done")


async def test_an_idle_session_is_released() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        idle = await wire.create({"Timeout": "1"})
        kept = await wire.create({"Timeout": "60"})
        used = await wire.create({"Timeout": "1"})
        await wire.shell(used, "sleep 1.3")
        assert (await wire.action("GetSession", {"SessionId": used.id})).data["Status"] == "RUNNING"
        await until(lambda: len(runtime.sessions) == 1)
        for started in (idle, used):
            query = {"SessionId": started.id}
            detail = (await wire.action("GetSessionDetail", query=query)).data
            assert (detail["Status"], detail["EndReason"]) == ("FINISH", "IdleTimeout")
        assert await wire.status(kept.id) == "RUNNING"


async def test_only_use_restarts_the_idle_clock(
    runtime_and_wire: tuple[LocalRuntime, Wire],
) -> None:
    runtime, wire = runtime_and_wire
    asked = await wire.create({"Timeout": "1"})
    refreshed = await wire.create({"Timeout": "1"})
    ends = runtime.sessions.get(asked.id).ended
    while not ends.is_set():
        for session in (asked, refreshed):
            await wire.action("GetSession", {"SessionId": session.id})
            await wire.action("GetSessionDetail", query={"SessionId": session.id})
            await wire.action("GetLabel", {"SessionId": session.id})
        answer = await wire.action("RefreshSessionIdleTime", {"SessionId": refreshed.id})
        assert answer.status == 200, answer.body
        with anyio.move_on_after(0.1):
            await ends.wait()
    assert await wire.status(refreshed.id) == "RUNNING"
    await ended(runtime, refreshed.id)


def still_there(process: Process) -> bool:
    found = look_at(process.pid)
    return found is not None and found.started == process.started


async def test_a_hundred_idle_sessions_are_gone_with_their_processes() -> None:
    count, idle, allowed = 100, 1.0, 3.0
    async with LocalRuntime(network="none") as runtime:
        lifetime = Lifetime(idle_seconds=60)
        sessions: list[Session] = []

        async def create() -> None:
            new = NewSession(image=resolve_image(None), lifetime=lifetime)
            sessions.append(await runtime.sessions.create(new))

        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(create)
        processes = [
            look_at(pid)
            for session in sessions
            for pid in (session.sandbox.pid, *descendants(session.sandbox.pid))
        ]
        assert len(processes) >= 3 * count
        # All of them expire at the same moment, which they do not when made one by one.
        for session in sessions:
            session.lifetime = Lifetime(idle_seconds=idle)
            session.touch()
        await runtime.sessions.create(NewSession(image=resolve_image(None)))
        with anyio.fail_after(idle + allowed):
            for session in sessions:
                await session.ended.wait()
        assert len(runtime.sessions) == 1
        assert [process for process in processes if process and still_there(process)] == []


async def test_the_units_of_the_lifetime(runtime_and_wire: tuple[LocalRuntime, Wire]) -> None:
    runtime, wire = runtime_and_wire
    expected = {
        (): (None, None),
        (("Timeout", "300"),): (300, None),
        (("Timeout", "5"), ("MaxRuntime", "30")): (300, 1800),
        (("MaxRuntime", "30"),): (None, 1800),
        (("ManualRelease", "True"),): (None, None),
    }
    for form, (idle, longest) in expected.items():
        started = await wire.create(dict(form))
        lifetime = runtime.sessions.get(started.id).lifetime
        assert (lifetime.idle_seconds, lifetime.max_seconds) == (idle, longest)


async def test_a_session_at_its_maximum_runtime_is_released(
    runtime_and_wire: tuple[LocalRuntime, Wire],
) -> None:
    runtime, wire = runtime_and_wire
    # Over the wire the shortest is a minute.
    new = NewSession(image=resolve_image(None), lifetime=Lifetime(max_seconds=0.2))
    session = await runtime.sessions.create(new)
    with anyio.fail_after(DEADLINE):
        await session.ended.wait()
    detail = (await wire.action("GetSessionDetail", query={"SessionId": session.id})).data
    assert detail["EndReason"] == "MaxRuntimeReached"


async def test_listing_by_labels_image_and_status(wire: Wire) -> None:
    labels = [{"set": "l1", "n": "1"}, {"set": "l1", "n": "2"}, {"set": "l1"}]
    made = [
        await wire.create({"Labels": json.dumps(found), "ImageId": image})
        for found, image in zip(
            labels, ("linux_latest", "code_latest", "linux_latest"), strict=True
        )
    ]
    ids = [session.id for session in made]

    async def listed(**form: str) -> list[str]:
        wanted = {"Labels": '{"set": "l1"}', **form}
        data = (await wire.action("ListSession", wanted)).data
        return [item["SessionId"] for item in data]

    assert await listed() == ids[::-1]
    assert await listed(Labels='{"set": "l1", "n": "2"}') == [ids[1]]
    assert await listed(Labels='{"set": "l1", "n": "3"}') == []
    assert await listed(ImageId="code_latest") == [ids[1]]
    assert await listed(Status="RUNNING") == ids[::-1]
    assert await listed(Status="PAUSED") == []
    await wire.action("ReleaseMcpSession", {"SessionId": ids[0]})
    assert await listed() == [ids[2], ids[1]]
    assert await listed(Status="DELETED") == [ids[0]]
    over = await wire.action("ListSession", {"Labels": '{"set": "l1"}', "Status": "DELETED"})
    assert over.data[0]["SessionStatus"] == "DELETED"
    for session_id in ids[1:]:
        await wire.action("ReleaseMcpSession", {"SessionId": session_id})


async def test_pages_stay_the_same_while_sessions_come_and_go(wire: Wire) -> None:
    labels = {"Labels": '{"set": "paging"}'}
    made = [(await wire.create(labels)).id for _ in range(5)]

    async def page(token: str) -> tuple[list[str], str, int]:
        form = {**labels, "MaxResults": "2", **({"NextToken": token} if token else {})}
        answer = await wire.action("ListSession", form)
        ids = [item["SessionId"] for item in answer.data]
        return ids, answer.body["NextToken"], answer.body["TotalCount"]

    first, token, total = await page("")
    assert (first, total) == ([made[4], made[3]], 5)
    newer = (await wire.create(labels)).id
    await wire.action("ReleaseMcpSession", {"SessionId": made[3]})
    second, token, total = await page(token)
    assert (second, total) == ([made[2], made[1]], 5)
    third, token, _ = await page(token)
    assert (third, token) == ([made[0]], "")
    for session_id in [*made[:3], made[4], newer]:
        await wire.action("ReleaseMcpSession", {"SessionId": session_id})


async def test_a_page_size_above_the_limit_is_cut(wire: Wire) -> None:
    answer = await wire.action("ListSession", {"MaxResults": "5000"})
    assert answer.body["MaxResults"] == 1000


async def test_every_image_of_the_cloud_gives_a_session_and_others_do_not(wire: Wire) -> None:
    for image in (
        "code_latest",
        "browser_latest",
        "windows_latest",
        "imgc-0a1b2c",
        "aio-ubuntu-2404",
    ):
        started = await wire.create({"ImageId": image})
        detail = (await wire.action("GetSessionDetail", query={"SessionId": started.id})).data
        assert detail["ImageId"] == image
        await wire.action("ReleaseMcpSession", {"SessionId": started.id})
    for image in ("ubuntu", "imgc-", "imgc-../x", "LINUX_LATEST"):
        answer = await wire.action("CreateMcpSession", {"ImageId": image})
        assert answer.error == (400, "InvalidImageId")
        assert "linux_latest, code_latest, browser_latest" in answer.message


async def test_sessions_created_at_the_same_time_are_separate(wire: Wire) -> None:
    started: list[Started] = []

    async def create() -> None:
        started.append(await wire.create())

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(create)
    outputs: dict[str, str] = {}

    async def use(session: Started) -> None:
        await wire.shell(session, f"echo {session.id} > mine")
        outputs[session.id] = await wire.shell(session, "cat mine; ls -A | wc -l")
        await wire.action("ReleaseMcpSession", {"SessionId": session.id})

    async with anyio.create_task_group() as group:
        for session in started:
            group.start_soon(use, session)
    assert outputs == {session.id: f"{session.id}\n1\n" for session in started}
