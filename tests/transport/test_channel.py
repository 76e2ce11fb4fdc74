"""The client's end of a session's WebSocket, against servers that answer by script."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp import web

from agentbay._transport.channel import Channel, ChannelState
from agentbay._transport.connection import Heartbeat
from agentbay._transport.exchanges import BUFFER_BYTES
from agentbay._transport.http import HttpPool
from agentbay.config import Config
from agentbay.errors import (
    AgentBayError,
    AuthenticationError,
    ClientClosedError,
    ConnectError,
    ProtocolError,
    RemoteOperationError,
    RequestTimeoutError,
    ServerFaultError,
    TransportError,
    WsCancelledError,
)

pytestmark = pytest.mark.anyio

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


class Peer:
    """A WebSocket server whose n-th connection runs the n-th script; the last one is repeated."""

    def __init__(self, scripts: tuple[Talk, ...], status: int) -> None:
        self._scripts = scripts
        self._status = status
        self.url = ""
        self.headers: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if self._status != 101:
            return web.Response(status=self._status)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await self._scripts[min(len(self.headers), len(self._scripts)) - 1](socket)
        return socket


@contextlib.asynccontextmanager
async def peer(*scripts: Talk, status: int = 101) -> AsyncIterator[Peer]:
    made = Peer(scripts, status)
    application = web.Application()
    application.router.add_get("/ws", made.handle)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws?sign=geheim"
        yield made
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def channel_to(url: str, **options: Any) -> AsyncIterator[Channel]:
    http = HttpPool(Config())
    channel = Channel(http, url, "t0ken", **options)
    try:
        yield channel
    finally:
        await channel.close()
        await http.close()


async def receive(socket: web.WebSocketResponse) -> dict[str, Any]:
    """Return the next frame of the client, answering its pings."""
    while True:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.PING:
            await socket.pong(message.data)
            continue
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError("the client has left")
        found: dict[str, Any] = json.loads(message.data)
        return found


def answering(*replies: Any) -> Talk:
    """Answer the n-th frame with the n-th reply; a reply is a frame, a list of them, or text."""

    async def talk(socket: web.WebSocketResponse) -> None:
        for reply in replies:
            asked = await receive(socket)
            for one in reply if isinstance(reply, list) else [reply]:
                text = one if isinstance(one, str) else json.dumps(frame(asked, **one))
                await socket.send_str(text)
        with contextlib.suppress(ConnectionError):
            await receive(socket)

    return talk


def frame(asked: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {
        "invocationId": asked["invocationId"],
        "source": asked["target"],
        "target": "SDK",
        **parts,
    }


async def test_the_handshake_and_a_frame_are_as_specified() -> None:
    seen: list[dict[str, Any]] = []

    async def talk(socket: web.WebSocketResponse) -> None:
        asked = await receive(socket)
        seen.append(asked)
        await socket.send_str(json.dumps(frame(asked, data={"result": {"a": 1}})))
        await socket.receive()

    async with peer(talk) as server, channel_to(server.url) as channel:
        data = {"method": "m", "params": {"x": "ü"}}
        assert await channel.call("wuying_x", data) == {"result": {"a": 1}}
    (headers,) = server.headers
    assert headers["X-Access-Token"] == "t0ken"
    assert "Origin" not in headers
    (asked,) = seen
    identity = asked.pop("invocationId")
    assert len(identity) == 32
    int(identity, 16)
    assert asked == {"source": "SDK", "target": "wuying_x", "data": data}


CALL_CASES: dict[str, tuple[Any, Any]] = {
    "a result": ({"data": {"result": 1, "more": 2}}, {"result": 1, "more": 2}),
    "neither result nor error": ({"data": {"x": 1}}, {"x": 1}),
    "data as JSON text": ({"data": '{"result": 5}'}, {"result": 5}),
    "requestId instead": (
        lambda asked: {**frame(asked, data={"x": 1}), "requestId": asked["invocationId"]},
        {"x": 1},
    ),
    "the gateway, well": ({"source": "WEBSOCKET_SERVER", "target": "", "data": {"y": 1}}, {"y": 1}),
    "an error and a result": (
        {"data": {"error": {"code": 1}, "result": 2}},
        {"error": {"code": 1}, "result": 2},
    ),
    "an error as text": ({"data": {"error": "bad"}}, RemoteOperationError("'error': 'bad'")),
    "an error as an object": ({"data": {"error": {"code": "E7"}}}, RemoteOperationError("E7")),
    "a secret in an error": (
        {"data": {"error": "bad", "token": "abcdefgh"}},
        RemoteOperationError("'token': '\\*\\*\\*\\*'"),
    ),
    "the gateway's error": (
        {"source": "WEBSOCKET_SERVER", "target": "", "error": "no such server", "data": {}},
        RemoteOperationError("^no such server$"),
    ),
    "the gateway's error in data": (
        {"source": "WEBSOCKET_SERVER", "data": {"error": "gone"}},
        RemoteOperationError("^gone$"),
    ),
    "no target": ({"target": "", "data": {"result": 1}}, ProtocolError("no target or data")),
    "data is no object": ({"data": [1]}, ProtocolError("no target or data")),
    "no data": ({}, ProtocolError("no target or data")),
}


@pytest.mark.parametrize("name", CALL_CASES)
async def test_the_answer_of_a_call(name: str) -> None:
    given, expected = CALL_CASES[name]

    async def talk(socket: web.WebSocketResponse) -> None:
        asked = await receive(socket)
        found = given(asked) if callable(given) else frame(asked, **given)
        if callable(given):
            del found["invocationId"]
        for ignored in ("not json", "[1]", '{"data": {}}', '{"invocationId": "other"}'):
            await socket.send_str(ignored)
        await socket.send_str(json.dumps(found))
        await socket.receive()

    async with peer(talk) as server, channel_to(server.url) as channel:
        if isinstance(expected, AgentBayError):
            with pytest.raises(type(expected), match=str(expected)):
                await channel.call("x", {"method": "m"})
        else:
            assert await channel.call("x", {"method": "m"}) == expected


EVENT = {"data": {"phase": "event", "eventType": "e", "n": 1}}
STREAM_CASES: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "an end": ([{"data": {"phase": "end", "status": "ok"}}], {"phase": "end", "status": "ok"}),
    "the gateway ends it": ([{"source": "WEBSOCKET_SERVER", "data": {"z": 1}}], {"z": 1}),
    "an error phase": ([{"data": {"phase": "error", "why": "E9"}}], RemoteOperationError("E9")),
    "an error in an event": (
        [{"data": {"phase": "event", "error": "boom"}}],
        RemoteOperationError("boom"),
    ),
    "no phase": ([{"data": {"x": 1}}], ProtocolError("phase None")),
    "an unknown phase": ([{"data": {"phase": "middle"}}], ProtocolError("phase 'middle'")),
    "the gateway's error": (
        [{"source": "WEBSOCKET_SERVER", "error": "lost"}],
        RemoteOperationError("^lost$"),
    ),
    "data is no object": ([{"data": 7}], ProtocolError("no target or data")),
}


@pytest.mark.parametrize("name", STREAM_CASES)
async def test_the_end_of_a_stream_comes_after_its_events(name: str) -> None:
    frames, expected = STREAM_CASES[name]
    script = answering([EVENT, EVENT, *frames])
    async with peer(script) as server, channel_to(server.url) as channel:
        stream = await channel.open_stream("x", {"method": "m", "mode": "stream"})
        assert await stream.receive() == EVENT["data"]
        assert await stream.receive() == EVENT["data"]
        if isinstance(expected, AgentBayError):
            for _ in range(2):
                with pytest.raises(type(expected), match=str(expected)):
                    await stream.receive()
            assert stream.end is None
        else:
            assert await stream.receive() is None
            assert stream.end == expected


async def test_an_error_as_an_object_is_an_event_like_others() -> None:
    event = {"phase": "event", "eventType": "error", "error": {"code": "E"}}
    script = answering([{"data": event}, {"data": {"phase": "end"}}])
    async with peer(script) as server, channel_to(server.url) as channel:
        stream = await channel.open_stream("x", {"method": "m"})
        assert await stream.receive() == event
        assert await stream.receive() is None


async def test_further_frames_of_a_stream_keep_its_id() -> None:
    seen: list[str] = []

    async def talk(socket: web.WebSocketResponse) -> None:
        asked: dict[str, Any] = {}
        for _ in range(3):
            asked = await receive(socket)
            seen.append(asked["invocationId"])
        await socket.send_str(json.dumps(frame(asked, data={"phase": "end"})))
        await socket.receive()

    async with peer(talk) as server, channel_to(server.url) as channel:
        stream = await channel.open_stream("x", {"method": "m"})
        await stream.write({"method": "a"})
        await stream.write({"method": "b"})
        assert await stream.receive() is None
    assert seen == [stream.id] * 3


async def test_a_closed_stream_is_cancelled_here_only() -> None:
    script = answering({"data": {"phase": "event"}}, {"data": {"result": 1}})
    async with peer(script) as server, channel_to(server.url) as channel:
        stream = await channel.open_stream("x", {"method": "m"})
        stream.close()
        stream.close()
        with pytest.raises(WsCancelledError, match=f"Stream {stream.id} was cancelled by caller"):
            await stream.receive()
        assert await channel.call("x", {"method": "n"}) == {"result": 1}


async def test_a_call_that_is_not_answered_times_out() -> None:
    async with peer(answering([])) as server, channel_to(server.url) as channel:
        with pytest.raises(TimeoutError, match=r"x did not answer m within 0\.05 s"):
            await channel.call("x", {"method": "m"}, timeout=0.05)


async def test_a_stream_has_one_deadline_to_its_end() -> None:
    async with peer(answering([EVENT])) as server, channel_to(server.url) as channel:
        stream = await channel.open_stream("x", {"method": "m"}, timeout=0.2)
        assert await stream.receive() == EVENT["data"]
        with pytest.raises(RequestTimeoutError, match=r"had not ended after 0\.2 s"):
            await stream.receive()


PUSHES = [
    ({"target": "files", "data": {"n": 1}}, "files"),
    ({"source": "files", "target": "SDK", "data": {"n": 2}}, "files"),
    ({"source": "SDK", "target": "SDK", "data": {"n": 3}}, "SDK"),
    ({"source": "", "target": "SDK", "data": {"n": 4}}, "SDK"),
]


async def test_pushes_go_where_their_route_says() -> None:
    taken: list[tuple[str, dict[str, Any]]] = []
    pushed = [{"requestId": "p", **push} for push, _ in PUSHES]
    unwanted = {"requestId": "p", "target": "nobody", "data": {}}
    script = answering([*[json.dumps(one) for one in (*pushed, unwanted)], {"data": {}}])
    async with peer(script) as server, channel_to(server.url) as channel:
        for route in ("files", "SDK"):

            async def take(data: dict[str, Any], route: str = route) -> None:
                taken.append((route, data))

            channel.subscribe(route, take)
        await channel.call("x", {"method": "m"})
    assert taken == [(route, push["data"]) for push, route in PUSHES]


async def test_a_subscriber_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[dict[str, Any]] = []

    async def fail(data: dict[str, Any]) -> None:
        raise ValueError("bad subscriber")

    async def take(data: dict[str, Any]) -> None:
        taken.append(data)

    push = json.dumps({"requestId": "p", "target": "r", "data": {"n": 1}})
    script = answering([push, {"data": {}}], [push, {"data": {}}])
    async with peer(script) as server, channel_to(server.url) as channel:
        channel.subscribe("r", fail)
        ended = channel.subscribe("r", take)
        await channel.call("x", {"method": "m"})
        ended.close()
        ended.close()
        await channel.call("x", {"method": "m"})
    assert taken == [{"n": 1}]
    assert "bad subscriber" in caplog.text


async def test_what_is_told_before_the_reply_returns_is_told_after_it_is_noted() -> None:
    order: list[str] = []

    async def take(data: dict[str, Any]) -> None:
        order.append("push")

    push = json.dumps({"requestId": "p", "target": "r", "data": {}})
    async with peer(answering([{"data": {}}, push])) as server, channel_to(server.url) as channel:

        def note(reply: dict[str, Any]) -> None:
            order.append("reply")
            channel.subscribe("r", take)

        await channel.call("x", {"method": "m"}, on_reply=note)
        with anyio.fail_after(5):
            while len(order) < 2:
                await anyio.lowlevel.checkpoint()
    assert order == ["reply", "push"]


async def test_a_loss_fails_everything_at_once_and_the_next_use_connects_again() -> None:
    async def lose(socket: web.WebSocketResponse) -> None:
        for _ in range(3):
            await receive(socket)
        await socket.close(code=1001, message=b"tired")

    script = answering({"data": {"result": 1}})
    async with peer(lose, script) as server, channel_to(server.url) as channel:
        failures: list[str] = []

        async def call() -> None:
            with pytest.raises(TransportError) as caught:
                await channel.call("x", {"method": "m"})
            failures.append(str(caught.value))

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            group.start_soon(call)
            stream = await channel.open_stream("x", {"method": "m"})
            with pytest.raises(TransportError, match="connection closed: tired"):
                await stream.receive()
            with pytest.raises(TransportError, match="connection closed"):
                await stream.write({})
        assert failures == ["connection closed: tired"] * 2
        states = [channel.state]
        assert await channel.call("x", {"method": "m"}) == {"result": 1}
        states.append(channel.state)
        assert states == [ChannelState.CLOSED, ChannelState.OPEN]


async def test_a_broken_connection_is_a_loss() -> None:
    async def reset(socket: web.WebSocketResponse) -> None:
        await receive(socket)
        request = socket._req
        assert request is not None
        assert request.transport is not None
        request.transport.abort()

    async with peer(reset) as server, channel_to(server.url) as channel:
        with pytest.raises(TransportError, match=r"recv loop closed|connection closed"):
            await channel.call("x", {"method": "m"})


async def test_while_something_is_subscribed_the_channel_comes_back_by_itself() -> None:
    async def lose(socket: web.WebSocketResponse) -> None:
        await receive(socket)
        await socket.close()

    states: list[ChannelState] = []
    opened = anyio.Event()

    def note(state: ChannelState, error: AgentBayError | None) -> None:
        assert (error is None) is (state is ChannelState.OPEN)
        states.append(state)
        if states.count(ChannelState.OPEN) == 2:
            opened.set()

    async def take(data: dict[str, Any]) -> None:
        raise AssertionError

    async with peer(lose, answering()) as server, channel_to(server.url) as channel:
        subscription = channel.subscribe("r", take, note)
        began = anyio.current_time()
        await channel.send("x", {"method": "m"})
        with anyio.fail_after(5):
            await opened.wait()
        assert 0.5 <= anyio.current_time() - began < 1.5
        assert states == [ChannelState.OPEN, ChannelState.RECONNECTING, ChannelState.OPEN]
        subscription.close()
    assert len(states) == 3


async def test_a_use_does_not_wait_for_the_pause() -> None:
    async def lose(socket: web.WebSocketResponse) -> None:
        await receive(socket)
        await socket.close()

    async def take(data: dict[str, Any]) -> None:
        raise AssertionError

    script = answering({"data": {"result": 1}})
    async with peer(lose, script) as server, channel_to(server.url) as channel:
        channel.subscribe("r", take)
        with pytest.raises(TransportError):
            await channel.call("x", {"method": "m"})
        with anyio.fail_after(0.4):
            assert await channel.call("x", {"method": "m"}) == {"result": 1}


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, AgentBayError), (503, ServerFaultError)]
)
async def test_a_rejection_tells_status_and_place_but_no_secret(
    status: int, kind: type[AgentBayError]
) -> None:
    async with peer(status=status) as server, channel_to(server.url) as channel:
        with pytest.raises(kind) as caught:
            await channel.call("x", {"method": "m"})
        place = server.url.partition("?")[0]
        assert str(caught.value) == f"WS connection rejected: HTTP {status}; url={place}"
        assert channel.state is ChannelState.ERROR


async def test_nobody_there() -> None:
    async with channel_to("ws://127.0.0.1:1/ws") as channel:
        with pytest.raises(ConnectError, match="No connection to"):
            await channel.call("x", {"method": "m"})
        with pytest.raises(ConnectError):
            await channel.open_stream("x", {"method": "m"})
        with pytest.raises(ConnectError):
            await channel.send("x", {"method": "m"})


async def test_a_peer_that_goes_silent_is_found_out() -> None:
    async def silent(socket: web.WebSocketResponse) -> None:
        while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            pass  # no pong

    rhythm = Heartbeat(interval=0.05, patience=0.1)
    async with peer(silent) as server, channel_to(server.url, heartbeat=rhythm) as channel:
        with pytest.raises(TransportError, match=r"heartbeat failed: no pong in 0\.1 s"):
            await channel.call("x", {"method": "m"})


async def test_a_heartbeat_is_answered_and_the_connection_stays() -> None:
    async def patient(socket: web.WebSocketResponse) -> None:
        asked = await receive(socket)
        pings = 0
        while pings < 5:
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.PING
            await socket.pong(message.data)
            pings += 1
        await socket.send_str(json.dumps(frame(asked, data={"result": pings})))
        await socket.receive()

    rhythm = Heartbeat(interval=0.02, patience=0.5)
    async with peer(patient) as server, channel_to(server.url, heartbeat=rhythm) as channel:
        assert await channel.call("x", {"method": "m"}) == {"result": 5}


async def test_pings_of_the_peer_are_answered() -> None:
    async def ping(socket: web.WebSocketResponse) -> None:
        asked = await receive(socket)
        await socket.ping(b"there?")
        message = await socket.receive()
        answer = {"result": [message.type.name, bytes(message.data).decode()]}
        await socket.send_str(json.dumps(frame(asked, data=answer)))
        await socket.receive()

    async with peer(ping) as server, channel_to(server.url) as channel:
        assert await channel.call("x", {"method": "m"}) == {"result": ["PONG", "there?"]}


async def test_a_consumer_that_stalls_holds_the_connection_up_and_loses_nothing() -> None:
    sent = 0
    total = 200
    chunk = "x" * 100_000

    async def flood(socket: web.WebSocketResponse) -> None:
        nonlocal sent
        asked = await receive(socket)
        for number in range(total):
            data = {"phase": "event", "n": number, "chunk": chunk}
            await socket.send_str(json.dumps(frame(asked, data=data)))
            sent += 1
        await socket.send_str(json.dumps(frame(asked, data={"phase": "end"})))
        with contextlib.suppress(ConnectionError):
            await receive(socket)

    rhythm = Heartbeat(interval=0.02, patience=0.02)
    async with peer(flood) as server, channel_to(server.url, heartbeat=rhythm) as channel:
        stream = await channel.open_stream("x", {"method": "m"})
        before = -1
        with anyio.fail_after(20):
            while before != sent or not sent:  # until the sender cannot go on
                before = sent
                await anyio.sleep(0.2)
        assert stream._size < BUFFER_BYTES + 2 * len(chunk)
        assert sent < total
        numbers = []
        while (event := await stream.receive()) is not None:
            numbers.append(event["n"])
        assert numbers == list(range(total))


async def test_a_message_that_is_too_large_is_a_loss() -> None:
    async def huge(socket: web.WebSocketResponse) -> None:
        await receive(socket)
        await socket.send_str("x" * (17 * 1024 * 1024))
        await socket.receive()

    async with peer(huge) as server, channel_to(server.url) as channel:
        with pytest.raises(TransportError, match="recv loop closed"):
            await channel.call("x", {"method": "m"})


async def test_closing_fails_what_is_in_progress_and_is_final() -> None:
    async with peer(answering([])) as server, channel_to(server.url) as channel:
        stream = await channel.open_stream("x", {"method": "m"})
        await channel.close()
        await channel.close()
        with pytest.raises(TransportError, match="connection closed"):
            await stream.receive()
        with pytest.raises(ClientClosedError):
            await channel.call("x", {"method": "m"})


async def test_a_cancelled_call_leaves_the_channel_usable() -> None:
    script = answering([], {"data": {"result": 2}})
    async with peer(script) as server, channel_to(server.url) as channel:
        with anyio.move_on_after(0.05):
            await channel.call("x", {"method": "m"})
        assert await channel.call("x", {"method": "m"}) == {"result": 2}


async def test_text_that_is_no_unicode_is_refused_before_it_leaves() -> None:
    script = answering({"data": {"result": 2}})
    async with peer(script) as server, channel_to(server.url) as channel:
        with pytest.raises(ProtocolError, match="not valid text"):
            await channel.call("x", {"method": "\udcff"})
        assert await channel.call("x", {"method": "m"}) == {"result": 2}


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with peer(answering({"data": {}})) as server, channel_to(server.url) as channel:
        await channel.call("x", {"method": "m"})
        assert "t0ken" not in repr(channel)
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("agentbay")]
    assert "t0ken" not in " ".join(ours)
    assert "geheim" not in " ".join(ours)
