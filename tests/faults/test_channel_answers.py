"""Background commands and terminals where the service does not offer what they need."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from agentbay import (
    AsyncSession,
    CommandError,
    Config,
    ProtocolError,
    PtyError,
    RemoteOperationError,
    SessionError,
)
from tests.conftest import ConnectFunction

pytestmark = pytest.mark.anyio

Reply = Callable[[dict[str, Any]], list[dict[str, Any]]]


@contextlib.asynccontextmanager
async def scripted(
    connect: ConnectFunction, reply: Reply | None, token: str = "t"
) -> AsyncIterator[AsyncSession]:
    """A session of a service whose WebSocket, if there is one, answers what *reply* says."""
    url = ""

    async def act(request: web.Request) -> web.Response:
        data = {"SessionId": "s-1", "Token": token, "WsUrl": url}
        return web.json_response({"RequestId": "r", "Success": True, "Data": data})

    async def talk(request: web.Request) -> web.WebSocketResponse:
        assert reply is not None
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            asked = json.loads(message.data)
            for parts in reply(asked):
                frame = {"invocationId": asked["invocationId"], "target": "SDK", **parts}
                await socket.send_str(json.dumps({"source": asked["target"], **frame}))
        return socket

    application = web.Application()
    application.router.add_post("/", act)
    application.router.add_get("/ws", talk)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        place = f"127.0.0.1:{runner.addresses[0][1]}"
        url = f"ws://{place}/ws" if reply is not None else ""
        async with connect("akm-secret", Config(endpoint=f"http://{place}")) as bay:
            yield (await bay.create()).unwrap()
    finally:
        await runner.cleanup()


def always(*answers: dict[str, Any]) -> Reply:
    return lambda asked: list(answers)


NOT_OFFERED = "The service does not offer background commands: "


async def test_without_a_websocket(connect: ConnectFunction) -> None:
    async with scripted(connect, None) as session:
        reason = "ws_url is not available for this session"
        with pytest.raises(CommandError, match=f"^{NOT_OFFERED}{reason}$"):
            await session.command.start("true")
        for use in (session.pty.create, session.pty.list):
            with pytest.raises(SessionError, match=f"^{reason}$"):
                await use()
        with pytest.raises(SessionError, match=f"^{reason}$"):
            await session.pty.kill("pty-1")


async def test_without_a_token(connect: ConnectFunction) -> None:
    async with scripted(connect, always(), token="") as session:
        reason = "token is not available for WS connection"
        with pytest.raises(CommandError, match=f"^{NOT_OFFERED}{reason}$"):
            await session.command.start("true")
        with pytest.raises(SessionError, match=f"^{reason}$"):
            await session.pty.create()


UNUSABLE: dict[str, dict[str, Any]] = {
    "the gateway knows no such target": {"source": "WEBSOCKET_SERVER", "error": "unknown target"},
    "the server refuses": {"data": {"error": "method not supported"}},
    "an error phase": {"data": {"phase": "error", "message": "no"}},
    "an answer of a call": {"data": {"result": {}}},
    "an end at once": {"data": {"phase": "end"}},
    "another event": {"data": {"phase": "event", "eventType": "hello"}},
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_a_server_without_background_commands(connect: ConnectFunction, name: str) -> None:
    async with scripted(connect, always(UNUSABLE[name])) as session:
        with pytest.raises(CommandError, match=f"^{NOT_OFFERED}"):
            await session.command.start("true")


def started(*events: dict[str, Any]) -> Reply:
    first = {"data": {"phase": "event", "eventType": "started", "pid": 7, "input_window": 100}}
    frames = [first, *({"data": event} for event in events)]
    return lambda asked: frames if asked["data"]["method"] == "start" else []


def output(text: str, **more: Any) -> dict[str, Any]:
    return {"phase": "event", "eventType": "output", "stream": "stdout", "data": text, **more}


def end(**facts: Any) -> dict[str, Any]:
    return {"phase": "end", "exit_code": 0, "stdout_bytes": 0, "stderr_bytes": 0, **facts}


BROKEN: dict[str, tuple[list[dict[str, Any]], str]] = {
    "bytes are missing": ([output("abc"), end(stdout_bytes=4)], "missing: 3 of 4 bytes"),
    "bytes are too many": ([output("abc"), end(stdout_bytes=2)], "missing: 3 of 2 bytes"),
    "an end that tells nothing": ([{"phase": "end"}], "exit_code"),
    "an unknown stream": ([output("abc", stream="third")], "stream 'third'"),
    "an unknown encoding": ([output("abc", encoding="rot13")], "rot13"),
    "broken base64": ([output("***", encoding="base64")], "base64"),
    "no data": ([output("", data=None)], "must be a string"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_success_has_all_of_the_output(connect: ConnectFunction, name: str) -> None:
    events, problem = BROKEN[name]
    async with scripted(connect, started(*events)) as session:
        process = await session.command.start("true")
        with pytest.raises(ProtocolError, match=problem):
            await process.wait(10)
        assert process.exit_code is None
        await process.close()


async def test_answers_of_a_terminal_server(connect: ConnectFunction) -> None:
    replies: dict[str, dict[str, Any]] = {
        "pty.create": {"data": {"result": {"other": 1}}},
        "pty.list": {"data": {"result": {"ptySessionIds": ["a", 5, "b"]}}},
        "pty.connect": {"data": {"error": "busy"}},
        "pty.kill": {"data": {}},
    }

    def reply(asked: dict[str, Any]) -> list[dict[str, Any]]:
        return [replies[asked["data"]["method"]]]

    async with scripted(connect, reply) as session:
        with pytest.raises(PtyError, match=r"^pty\.create did not return ptySessionId: \{'result'"):
            await session.pty.create()
        listed = await session.pty.list()
        assert [(one.pty_session_id, one.cols, one.status) for one in listed] == [
            ("a", 0, "running"),
            ("b", 0, "running"),
        ]
        with pytest.raises(RemoteOperationError, match="'error': 'busy'"):
            await session.pty.connect("a")
        await session.pty.kill("a")


async def test_what_is_sent_for_a_terminal(connect: ConnectFunction) -> None:
    seen: list[dict[str, Any]] = []

    def reply(asked: dict[str, Any]) -> list[dict[str, Any]]:
        assert asked["target"] == "PTY_SERVER"
        seen.append(asked["data"])
        return [{"data": {"result": {"ptySessionId": "p"}}}]

    async with scripted(connect, reply) as session:
        handle = await session.pty.create(envs={"A": "1", "TERM": "vt100"})
        await session.pty.create(100, 50, "/tmp", shell="/bin/zsh")
        await handle.send_input("grüße".encode())
        await handle.send_input(b"\xff\x00")
        await handle.resize(500, 1)
        await session.pty.list()
    assert seen == [
        {
            "method": "pty.create",
            "params": {
                "cols": 80,
                "rows": 24,
                "envs": {"TERM": "vt100", "LANG": "en_US.UTF-8", "A": "1"},
            },
        },
        {
            "method": "pty.create",
            "params": {
                "cols": 100,
                "rows": 50,
                "envs": {"TERM": "xterm-256color", "LANG": "en_US.UTF-8"},
                "cwd": "/tmp",
                "shell": "/bin/zsh",
            },
        },
        {
            "method": "pty.input",
            "params": {"ptySessionId": "p", "encoding": "utf8", "data": "grüße"},
        },
        {
            "method": "pty.input",
            "params": {"ptySessionId": "p", "encoding": "base64", "data": "/wA="},
        },
        {"method": "pty.resize", "params": {"ptySessionId": "p", "cols": 500, "rows": 1}},
        {"method": "pty.list", "params": {}},
    ]
