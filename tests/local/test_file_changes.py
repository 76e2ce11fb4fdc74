"""Pushes of file changes, as any client of the WebSocket sees them."""

from __future__ import annotations

import json
from socket import SHUT_RDWR
from typing import Any

import anyio
import pytest

from agentbay.local.channel.file_changes import MAX_SUBSCRIBED
from tests.local.test_channel import Socket, connected
from tests.local.wire import Started, Wire

TARGET = "wuying_filesystem"
W = "/home/wuying/w"


@pytest.fixture
async def watched(wire: Wire, started: Started) -> Started:
    """A session with a directory whose changes begin now."""
    await wire.shell(started, "mkdir w")
    assert await wire.text(started, "get_file_change", {"path": W}) == "[]"
    return started


async def subscribe(socket: Socket, path: str = W) -> dict[str, Any]:
    data = {"method": "subscribe_file_change", "params": {"path": path}}
    found = await socket.answer(await socket.send(TARGET, data))
    return dict(found["data"])


async def told(socket: Socket, path: str = W) -> list[str]:
    """Return what the next push tells."""
    frame = await socket.receive()
    assert (frame["source"], frame["target"]) == (TARGET, "SDK")
    assert frame["data"]["eventType"] == "file_change"
    assert frame["data"]["path"] == path
    return [
        f"{event['eventType']} {event['pathType']} {event['path']}"
        for event in frame["data"]["events"]
    ]


CREATED = [f"create file {W}/f", f"modify file {W}/f"]


async def test_changes_are_pushed(wire: Wire, watched: Started) -> None:
    async with connected(wire, watched) as socket:
        assert (await subscribe(socket))["phase"] == "end"
        await wire.shell(watched, "echo 1 >w/f")
        assert await told(socket) == CREATED
        await wire.shell(watched, "echo 22 >w/f")
        assert await told(socket) == [f"modify file {W}/f"]
        assert await wire.text(watched, "get_file_change", {"path": W}) == "[]"


async def test_what_changed_before_the_subscription_is_told(wire: Wire, watched: Started) -> None:
    await wire.shell(watched, "echo 1 >w/f")
    async with connected(wire, watched) as socket:
        data = {"method": "subscribe_file_change", "params": {"path": W}}
        await socket.send(TARGET, data)
        assert await told(socket) == CREATED
        assert (await socket.receive())["data"]["phase"] == "end"


async def test_every_subscriber_is_told(wire: Wire, watched: Started) -> None:
    async with connected(wire, watched) as first, connected(wire, watched) as second:
        for socket in (first, second, second):
            await subscribe(socket)
        data = {"method": "unsubscribe_file_change", "params": {"path": W}}
        await second.send(TARGET, data)  # it has subscribed twice
        await second.call("PTY_SERVER", "pty.list")
        await wire.shell(watched, "echo 1 >w/f")
        assert await told(first) == CREATED
        assert await told(second) == CREATED


async def test_after_the_end_of_a_subscription_changes_wait_for_a_call(
    wire: Wire, watched: Started
) -> None:
    async with connected(wire, watched) as socket:
        await subscribe(socket)
        await wire.shell(watched, "echo 1 >w/f")
        assert await told(socket) == CREATED
        data = {"method": "unsubscribe_file_change", "params": {"path": W}}
        await socket.send(TARGET, data)
        await socket.call("PTY_SERVER", "pty.list")
        await wire.shell(watched, "rm w/f")
    events = json.loads(await wire.text(watched, "get_file_change", {"path": W}))
    assert [event["eventType"] for event in events] == ["delete"]


async def test_what_a_lost_connection_was_told_is_told_again(wire: Wire, watched: Started) -> None:
    async with connected(wire, watched) as socket:
        await subscribe(socket)
        await wire.shell(watched, "echo 1 >w/f")
        assert await told(socket) == CREATED  # but this program dies before it has used it
        socket.socket.get_extra_info("socket").shutdown(SHUT_RDWR)
    async with connected(wire, watched) as socket:
        data = {"method": "subscribe_file_change", "params": {"path": W}}
        await socket.send(TARGET, data)
        frames = [await socket.receive(), await socket.receive()]
        pushed = [frame["data"] for frame in frames if "events" in frame["data"]]
        assert [event["path"] for event in pushed[0]["events"]] == [f"{W}/f"] * 2


async def test_what_a_lost_connection_was_told_waits_for_a_call(
    wire: Wire, watched: Started
) -> None:
    async with connected(wire, watched) as socket:
        await subscribe(socket)
        await wire.shell(watched, "echo 1 >w/f")
        assert await told(socket) == CREATED
        socket.socket.get_extra_info("socket").shutdown(SHUT_RDWR)
    with anyio.fail_after(10):
        while (text := await wire.text(watched, "get_file_change", {"path": W})) == "[]":
            await wire.shell(watched, "true")
    assert [event["eventType"] for event in json.loads(text)] == ["create", "modify"]


async def test_a_path_that_does_not_exist_yet(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        assert (await subscribe(socket))["phase"] == "end"
        await wire.shell(started, "mkdir w")
        # When the directory is first seen is where its changes begin.
        first: list[str] = []
        for number in range(100):
            await wire.shell(started, f"echo >w/{number}")
            with anyio.move_on_after(0.5):
                first = await told(socket)
                break
        assert first[0].startswith(f"create file {W}/")


async def test_what_cannot_be_subscribed(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        for params in ({}, {"path": ""}, {"path": 5}):
            found = await socket.call(TARGET, "subscribe_file_change", **params)
            assert found["data"]["code"] == "invalid_argument"
        for number in range(MAX_SUBSCRIBED):
            assert (await subscribe(socket, f"/tmp/{number}"))["phase"] == "end"
        assert (await subscribe(socket, "/tmp/more"))["code"] == "too_many"
