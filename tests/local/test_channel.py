"""The WebSocket of a session, as any client sees it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import anyio
import pytest

from agentbay._async._process_start import start_process
from agentbay._transport.channel import Channel
from agentbay._transport.http import HttpPool
from agentbay._wire.processes import StartCommand
from agentbay.config import Config
from agentbay.errors import AgentBayError
from agentbay.local import LocalRuntime
from tests.local.wire import DEADLINE, Started, Wire, wire_to
from tests.servers import CuttingRelay

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


class Socket:
    """A bare client of the WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self.socket = socket

    async def send(self, target: str, data: Any, identity: str = "") -> str:
        identity = identity or uuid.uuid4().hex
        frame = {"invocationId": identity, "source": "SDK", "target": target, "data": data}
        await self.socket.send_str(json.dumps(frame))
        return identity

    async def receive(self) -> dict[str, Any]:
        message = await self.socket.receive(DEADLINE)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        assert len(message.data) < MIB
        found: dict[str, Any] = json.loads(message.data)
        assert found["target"] == "SDK"
        return found

    async def answer(self, identity: str) -> dict[str, Any]:
        while (found := await self.receive())["invocationId"] != identity:
            pass
        return found

    async def call(self, target: str, method: str, **params: Any) -> dict[str, Any]:
        identity = await self.send(target, {"method": method, "params": params})
        return await self.answer(identity)

    async def start(self, command: str, **params: Any) -> str:
        data = {"method": "start", "mode": "stream", "params": {"command": command, **params}}
        identity = await self.send("wuying_shell", data)
        assert (await self.answer(identity))["data"]["eventType"] == "started"
        return identity


@contextlib.asynccontextmanager
async def connected(wire: Wire, started: Started, **options: Any) -> AsyncIterator[Socket]:
    headers = options.pop("headers", {"X-Access-Token": started.token})
    url = options.pop("url", started.data["WsUrl"])
    async with wire.http.ws_connect(url, headers=headers, **options) as socket:
        yield Socket(socket)


async def rejection(wire: Wire, url: str, **headers: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await wire.http.ws_connect(url, headers=headers)
    return caught.value.status


async def test_both_actions_announce_the_same_url(wire: Wire, started: Started) -> None:
    again = (await wire.action("GetSession", {"SessionId": started.id})).data
    assert again["WsUrl"] == started.data["WsUrl"]
    assert urlsplit(started.data["WsUrl"]).scheme == "ws"
    assert started.token not in started.data["WsUrl"]


async def test_a_secure_runtime_announces_a_secure_url() -> None:
    async with LocalRuntime(network="none", tls=True) as runtime:
        import ssl

        context = ssl.create_default_context(cafile=str(runtime.ca_file))
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as http:
            wire = Wire(runtime.endpoint, runtime.api_key, http)
            started = await wire.create()
            assert started.data["WsUrl"].startswith("wss://")
            async with connected(wire, started) as socket:
                found = await socket.call("PTY_SERVER", "pty.list")
                assert found["data"]["result"] == {"ptySessionIds": []}


async def test_the_default_link_is_the_url_with_the_token(wire: Wire, started: Started) -> None:
    fields = {"SessionId": started.id, "ProtocolType": "wss"}
    url = (await wire.action("GetLink", fields)).data["Url"]
    assert url == f"{started.data['WsUrl']}?token={started.token}"
    async with connected(wire, started, url=url, headers={}) as socket:
        assert "result" in (await socket.call("PTY_SERVER", "pty.list"))["data"]


async def test_who_may_not_connect(wire: Wire, started: Started) -> None:
    url = started.data["WsUrl"]
    token = {"X-Access-Token": started.token}
    assert await rejection(wire, url) == 401
    assert await rejection(wire, url, **{"X-Access-Token": "wrong"}) == 401
    assert await rejection(wire, f"{url}?token=wrong") == 401
    assert (
        await rejection(wire, f"{url}?token={started.token}", Origin="http://evil.example") == 403
    )
    assert await rejection(wire, url, Host="evil.example", **token) == 403
    assert await rejection(wire, url.replace(started.id, "s-unknown"), **token) == 404
    async with wire.http.get(url.replace("ws", "http", 1), headers=token) as response:
        assert response.status == 400
    await wire.action("ReleaseMcpSession", {"SessionId": started.id})
    assert await rejection(wire, url, **token) == 404


async def test_an_invented_origin_does_no_harm_with_the_header(
    wire: Wire, started: Started
) -> None:
    headers = {"X-Access-Token": started.token, "Origin": "http://localhost/"}
    async with connected(wire, started, headers=headers) as socket:
        assert "result" in (await socket.call("PTY_SERVER", "pty.list"))["data"]


async def test_what_is_no_frame_is_ignored(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        for text in (
            '{"type":"ping"}',
            "",
            "nonsense",
            "[]",
            "7",
            '{"invocationId": 5}',
            "[" * 9999,
        ):
            await socket.socket.send_str(text)
        assert "result" in (await socket.call("PTY_SERVER", "pty.list"))["data"]


@pytest.mark.parametrize(
    ("target", "data", "problem"),
    [
        ("nobody", {"method": "m"}, "There is no target 'nobody'; there are PTY_SERVER"),
        ("PTY_SERVER", {"method": "pty.fly"}, "PTY_SERVER has no method 'pty.fly'; it has pty."),
        ("PTY_SERVER", {}, "needs a target, and a method"),
        ("", {"method": "m"}, "needs a target, and a method"),
        ("PTY_SERVER", "text", "needs a target, and a method"),
        ("PTY_SERVER", {"method": "pty.create", "params": 7}, "params must be an object"),
        (
            "PTY_SERVER",
            {"method": "pty.create", "params": {"cols": "wide"}},
            "cols",
        ),
        ("PTY_SERVER", {"method": "pty.create", "params": {"cols": 0}}, "must be 1-500"),
        ("PTY_SERVER", {"method": "pty.resize", "params": {"cols": 80}}, "must be 1-500"),
        ("PTY_SERVER", {"method": "pty.input", "params": {}}, "data must be a string"),
        (
            "PTY_SERVER",
            {"method": "pty.input", "params": {"data": "!", "encoding": "base64"}},
            "cannot be read as base64",
        ),
        (
            "PTY_SERVER",
            {"method": "pty.input", "params": {"data": "!", "encoding": "utf16"}},
            "utf8 or base64",
        ),
        ("PTY_SERVER", {"method": "pty.kill", "params": {"ptySessionId": 3}}, "no terminal 3"),
        ("wuying_shell", {"method": "start", "params": {"command": 5, "x": 1}}, "unknown name x"),
    ],
)
async def test_an_error_says_what_is_wrong(
    wire: Wire, started: Started, target: str, data: Any, problem: str
) -> None:
    async with connected(wire, started) as socket:
        found = await socket.answer(await socket.send(target, data))
        assert found["source"] == "WEBSOCKET_SERVER"
        assert problem in found["error"]
        assert found["data"]["error"] == found["error"]
        assert "result" in (await socket.call("PTY_SERVER", "pty.list"))["data"]


async def test_the_frames_of_a_terminal_are_as_specified(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        asked = anyio.current_time()
        envs = {"TERM": "xterm-256color", "PS1": ""}
        found = await socket.call(
            "PTY_SERVER", "pty.create", cols=90, rows=33, envs=envs, shell="sh"
        )
        assert found["source"] == "PTY_SERVER"
        identity = found["data"]["result"]["ptySessionId"]
        data = {"ptySessionId": identity, "encoding": "utf8", "data": "stty -echo size; exit 5\n"}
        await socket.send("PTY_SERVER", {"method": "pty.input", "params": data})
        output = ""
        while (push := await socket.receive())["data"]["eventType"] == "pty.output":
            assert anyio.current_time() - asked >= 0.05
            assert push["source"] == "PTY_SERVER"
            assert push["data"]["ptySessionId"] == identity
            output += push["data"]["data"]
        assert "33 90" in output
        assert push["data"] == {"ptySessionId": identity, "eventType": "pty.exit", "exitCode": 5}


async def test_terminals_outlive_connections_and_commands_do_not(
    wire: Wire, started: Started
) -> None:
    async with connected(wire, started) as socket:
        made = await socket.call("PTY_SERVER", "pty.create", shell="sh")
        identity = made["data"]["result"]["ptySessionId"]
        await socket.start("sleep 7171")
    script = (
        "while cat /proc/[0-9]*/cmdline 2>&1 | tr '\\0' ' ' | grep -q '[s]leep 7171'; do :; done"
    )
    with anyio.fail_after(DEADLINE):
        await wire.shell(started, script)
    async with connected(wire, started) as socket:
        listed = await socket.call("PTY_SERVER", "pty.list")
        assert listed["data"]["result"]["ptySessionIds"] == [identity]
        await socket.call("PTY_SERVER", "pty.connect", ptySessionId=identity)
        data = {"ptySessionId": identity, "data": "exit 6\n"}
        await socket.send("PTY_SERVER", {"method": "pty.input", "params": data})
        while (push := await socket.receive())["data"].get("eventType") != "pty.exit":
            pass
        assert push["data"]["exitCode"] == 6


async def test_the_number_of_terminals_is_bounded(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        answers = [
            await socket.call("PTY_SERVER", "pty.create", shell="/bin/cat") for _ in range(65)
        ]
        assert all("result" in one["data"] for one in answers[:64])
        assert answers[64]["error"] == "There are 64 terminals already"


async def test_the_number_of_connections_is_bounded(wire: Wire, started: Started) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(32):
            await stack.enter_async_context(connected(wire, started))
        token = {"X-Access-Token": started.token}
        assert await rejection(wire, started.data["WsUrl"], **token) == 429
    async with connected(wire, started) as socket:
        assert "result" in (await socket.call("PTY_SERVER", "pty.list"))["data"]


async def test_the_number_of_streams_is_bounded(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        for _ in range(300):
            await socket.send("wuying_shell", {"method": "start", "params": {"command": "cat"}})
        refused = 0
        while refused < 44:
            found = await socket.receive()
            if "error" in found and "256 calls and streams" in found["error"]:
                refused += 1


async def test_a_paused_session_refuses_and_streams_wait_for_its_resume(
    wire: Wire, started: Started
) -> None:
    fields = {"SessionId": started.id}
    async with connected(wire, started) as socket:
        identity = await socket.start("read x; echo $x")
        await wire.action("PauseSessionAsync", fields)
        with anyio.fail_after(DEADLINE):
            while await wire.status(started.id) != "PAUSED":
                await anyio.lowlevel.checkpoint()
        refused = await socket.call("PTY_SERVER", "pty.list")
        assert "PAUSED" in refused["error"]
        assert "resume it first" in refused["error"]
        token = {"X-Access-Token": started.token}
        assert await rejection(wire, started.data["WsUrl"], **token) == 503
        data = {"method": "input", "params": {"data": "later\n"}}
        await socket.send("wuying_shell", data, identity)
        await wire.action("ResumeSessionAsync", fields)
        while (found := await socket.answer(identity))["data"]["phase"] != "end":
            if found["data"]["eventType"] == "output":
                assert found["data"]["data"] == "later\n"
        assert found["data"]["exit_code"] == 0


async def test_the_end_of_a_session_ends_everything_with_an_error(
    wire: Wire, started: Started
) -> None:
    async with connected(wire, started) as socket:
        identity = await socket.start("sleep 60")
        await wire.action("DeleteSessionAsync", {"SessionId": started.id})
        found = await socket.answer(identity)
        assert found["error"] == f"Session {started.id} has ended"
        message = await socket.socket.receive(DEADLINE)
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.extra == f"Session {started.id} has ended"


async def test_open_streams_are_use_of_the_session(wire: Wire) -> None:
    started = await wire.create({"Timeout": "1"})
    async with connected(wire, started) as socket:
        identity = await socket.start("sleep 2; echo there")
        while (found := await socket.answer(identity))["data"]["phase"] != "end":
            pass
        assert found["data"]["exit_code"] == 0
        message = await socket.socket.receive(DEADLINE)
        assert message.extra == f"Session {started.id} has ended"


async def test_a_stop_of_the_runtime_does_not_wait_for_clients() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        started = await wire.create()
        async with connected(wire, started) as socket:
            await socket.start("sleep 60")
            began = anyio.current_time()
            await runtime.stop()
            assert anyio.current_time() - began < 2
            while (await socket.socket.receive(DEADLINE)).type is aiohttp.WSMsgType.TEXT:
                pass


async def test_no_call_waits_for_another(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        slow = await socket.start("sleep 5")
        identities = [
            await socket.send("wuying_shell", {"method": "start", "params": {"command": "true"}})
            for _ in range(49)
        ]
        waiting = set(identities)
        with anyio.fail_after(4):
            while waiting:
                found = await socket.receive()
                assert found["invocationId"] != slow
                if found["data"]["phase"] == "end":
                    waiting.remove(found["invocationId"])


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def test_a_client_that_does_not_read_slows_the_program_and_fills_no_memory(
    wire: Wire, started: Started
) -> None:
    """The runtime runs in this process, so its memory is ours."""
    look = "for p in /proc/[0-9]*; do [ $(cat $p/comm) = dd ] && grep wchar $p/io; done; true"
    async with connected(wire, started) as socket:
        made = await socket.call("PTY_SERVER", "pty.create", shell="sh")
        identity = made["data"]["result"]["ptySessionId"]
        before = resident_bytes()
        script = "stty -echo -opost; exec dd if=/dev/zero bs=64k count=10000 status=none"
        data = {"ptySessionId": identity, "data": f"{script}\n"}
        await socket.send("PTY_SERVER", {"method": "pty.input", "params": data})
        written = ""
        with anyio.fail_after(DEADLINE):
            while (found := await wire.shell(started, f"sleep 0.2; {look}")) != written:
                written = found
        count = int(written.split()[1])
        assert 0 < count < 10 * MIB
        assert resident_bytes() - before < 32 * MIB


async def test_pings_are_answered_while_the_client_does_not_read(
    wire: Wire, started: Started
) -> None:
    async with connected(wire, started, autoping=False) as socket:
        await socket.socket.ping(b"a")
        message = await socket.socket.receive(DEADLINE)
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"a")


COMMAND = "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; echo end >&2"
WHOLE = ("".join(f"{number}\n" for number in range(2000)).encode(), b"end\n", 0)


async def outcome(http: HttpPool, url: str, token: str) -> tuple[bytes, bytes, int] | AgentBayError:
    """Run the command; return all of its output and its status, or the error."""
    channel = Channel(http, url, token)
    found = {"stdout": b"", "stderr": b""}
    try:
        process = await start_process(channel, StartCommand(command=COMMAND), 10)
        async for piece in process:
            found[piece.stream] += piece.data
        return found["stdout"], found["stderr"], await process.wait(10)
    except AgentBayError as exc:
        return exc
    finally:
        await channel.close()


async def test_cutting_the_connection_anywhere_never_gives_a_success_with_missing_data(
    wire: Wire, started: Started
) -> None:
    url = started.data["WsUrl"]
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    http = HttpPool(Config())
    randomly = random.Random(20)
    failed = 0
    async with CuttingRelay(parts.hostname, parts.port).running() as relay:
        through = url.replace(f":{parts.port}", f":{relay.port}")
        relay.cut_after = None
        assert await outcome(http, through, started.token) == WHOLE
        total = relay.passed
        for _ in range(200):
            relay.cut_after = randomly.randrange(total + 200)
            found = await outcome(http, through, started.token)
            if isinstance(found, AgentBayError):
                failed += 1
            else:
                assert found == WHOLE
    assert failed > 150
    await http.close()
    # Nothing is left of the commands whose client was lost.
    script = "while cat /proc/[0-9]*/cmdline 2>/dev/null | grep -aq '[i]=0; while'; do :; done"
    with anyio.fail_after(DEADLINE):
        await wire.shell(started, script)


async def test_other_connections_do_not_notice_a_lost_one(wire: Wire, started: Started) -> None:
    async with connected(wire, started) as socket:
        identity = await socket.start("read x; echo $x")
        for _ in range(10):
            async with connected(wire, started) as lost:
                await lost.start("yes")
        await socket.send("wuying_shell", {"method": "input", "params": {"data": "on\n"}}, identity)
        texts = []
        while (found := await socket.answer(identity))["data"]["phase"] != "end":
            if found["data"]["eventType"] == "output":
                texts.append(found["data"]["data"])
        assert texts == ["on\n"]


# Less than is sent without being asked for, so that the end can follow.
FLOOD = "yes | head -c 200000; exec sleep 1000"


async def test_nothing_is_left_of_programs_and_terminals(wire: Wire, started: Started) -> None:
    script = (
        "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q '[w]orker' && "
        "echo $(ls $p/fd | wc -l) $(ls $p/task | wc -l); done 2>/dev/null; true"
    )

    async def held() -> tuple[int, int]:
        """Return how many files and threads the worker and its parents have."""
        found = [int(number) for number in (await wire.shell(started, script)).split()]
        return sum(found[::2]), sum(found[1::2])

    async def use(socket: Socket, number: int) -> None:
        identity = await socket.start(("true", FLOOD, "cat; sleep 1000 &")[number % 3])
        data = {"method": "signal", "params": {"signal": 9}}
        await socket.send("wuying_shell", data, identity)
        while (await socket.answer(identity))["data"]["phase"] != "end":
            pass
        made = await socket.call("PTY_SERVER", "pty.create", shell="/bin/cat")
        terminal = made["data"]["result"]["ptySessionId"]
        data = {"method": "pty.kill", "params": {"ptySessionId": terminal}}
        await socket.send("PTY_SERVER", data)
        while (await socket.receive())["data"].get("eventType") != "pty.exit":
            pass

    async with connected(wire, started) as socket:
        await use(socket, 0)
        files, threads = await held()
        for number in range(30):
            await use(socket, number)
        found = (files, threads)
        with anyio.move_on_after(DEADLINE):  # they end a moment after their work
            while (found := await held())[0] > files or found[1] > threads + 8:
                pass
        assert found[0] <= files
        assert found[1] <= threads + 8
