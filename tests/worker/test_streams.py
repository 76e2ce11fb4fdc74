"""Streams between the runtime and servers inside a sandbox."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentbay.local.sandbox.base import (
    Network,
    Sandbox,
    SandboxDiedError,
    SandboxError,
    SandboxSpec,
    Stream,
    WorkerError,
)
from agentbay.local.sandbox.bubblewrap import Bubblewrap
from agentbay.local.sandbox.link import Link
from agentbay.local.worker.frames import WINDOW_BYTES, Frame, Kind, credit_frame
from tests.worker.support import call, sh
from tests.worker.test_link import HELLO, SECONDS, Peer

ECHO = """
import socket, sys, threading
def echo(peer):
    with peer:
        while data := peer.recv(65536):
            peer.sendall(data)
with socket.create_server((sys.argv[1], 0), family=int(sys.argv[2]), backlog=64) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
"""
DEAF = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    peer = server.accept()[0]
    while True: time.sleep(60)
"""
RESET = """
import socket, struct
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    peer = server.accept()[0]
    peer.sendall(b"last words")
    peer.recv(1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
"""
WITNESS = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    peer = server.accept()[0]
    peer.sendall(b"x")
    try:
        end = "end" if peer.recv(1) == b"" else "data"
    except ConnectionResetError:
        end = "reset"
print(end, flush=True)
"""
STREAMS = 40
numbers = itertools.count(1)


async def start(sandbox: Sandbox, code: str, arguments: str = "") -> tuple[int, str]:
    """Run a server inside; return its port and the pipe with what it prints after that."""
    name = f"{sandbox.home}/server-{next(numbers)}"
    await call(sandbox, "write_file", path=name, payload=code.encode())
    done = await sh(
        sandbox,
        f"mkfifo {name}.out; python3 {name} {arguments} >{name}.out & "
        f"exec 3<{name}.out; read port <&3; echo $port; cat <&3 >{name}.rest &",
    )
    return int(done.stdout), f"{name}.rest"


@pytest.fixture(scope="module")
async def echo_port(sandbox: Sandbox) -> int:
    return (await start(sandbox, ECHO, "127.0.0.1 2"))[0]


@asynccontextmanager
async def connected(sandbox: Sandbox, port: int) -> AsyncIterator[Stream]:
    stream = await sandbox.connect(port, timeout=SECONDS)
    try:
        with anyio.fail_after(3 * SECONDS):
            yield stream
    finally:
        stream.close()


async def receive_all(stream: Stream) -> bytes:
    data = bytearray()
    while piece := await stream.receive():
        data += piece
    return bytes(data)


async def receive_exactly(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.receive()
    assert len(data) == size
    return data


async def test_bytes_come_back_and_the_end_is_passed_on(sandbox: Sandbox, echo_port: int) -> None:
    async with connected(sandbox, echo_port) as stream:
        await stream.send(b"hello")
        assert await receive_exactly(stream, 5) == b"hello"
        data = os.urandom(5_000_000)
        async with anyio.create_task_group() as group:

            async def send() -> None:
                await stream.send(data)
                stream.end()

            group.start_soon(send)
            assert await receive_all(stream) == data
        assert await stream.receive() == b""
        with pytest.raises(SandboxError, match="ended"):
            await stream.send(b"more")


async def test_ipv6_is_tried_when_ipv4_refuses(sandbox: Sandbox) -> None:
    port, _ = await start(sandbox, ECHO, "::1 10")
    async with connected(sandbox, port) as stream:
        await stream.send(b"six")
        assert await receive_exactly(stream, 3) == b"six"


async def test_nobody_listens(sandbox: Sandbox) -> None:
    with pytest.raises(WorkerError, match=r"port 9.*refused") as caught:
        await sandbox.connect(9, timeout=SECONDS)
    assert caught.value.code == "refused"


@pytest.mark.parametrize("port", [0, 65536, -1])
async def test_a_port_that_is_none(sandbox: Sandbox, port: int) -> None:
    with pytest.raises(WorkerError) as caught:
        await sandbox.connect(port, timeout=SECONDS)
    assert caught.value.code == "invalid_argument"


async def test_many_streams_at_once(sandbox: Sandbox, echo_port: int) -> None:
    async def use(number: int) -> None:
        data = bytes([number]) * 300_000
        async with connected(sandbox, echo_port) as stream, anyio.create_task_group() as group:
            group.start_soon(stream.send, data)
            assert await receive_exactly(stream, len(data)) == data

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(use, number)


async def test_a_stalled_stream_holds_up_nothing(sandbox: Sandbox, echo_port: int) -> None:
    deaf, _ = await start(sandbox, DEAF)
    async with connected(sandbox, deaf) as stuck, connected(sandbox, echo_port) as unread:
        with anyio.move_on_after(0.5) as sending:
            await stuck.send(bytes(50_000_000))
        assert sending.cancelled_caught
        with anyio.move_on_after(0.5) as echoed:
            await unread.send(bytes(50_000_000))
        assert echoed.cancelled_caught
        assert (await sh(sandbox, "echo fine")).stdout == "fine\n"
        async with connected(sandbox, echo_port) as stream:
            await stream.send(b"flows")
            assert await receive_exactly(stream, 5) == b"flows"


async def test_a_reset_is_no_end(sandbox: Sandbox) -> None:
    port, _ = await start(sandbox, RESET)
    async with connected(sandbox, port) as stream:
        await stream.send(b"go")
        assert await stream.receive() == b"last words"
        with pytest.raises(WorkerError, match="reset"):
            await stream.receive()
        with pytest.raises(WorkerError, match="reset"):
            await stream.send(b"x")


@pytest.mark.parametrize("ended", [True, False])
async def test_the_server_can_tell_an_end_from_a_break(sandbox: Sandbox, ended: bool) -> None:
    port, rest = await start(sandbox, WITNESS)
    async with connected(sandbox, port) as stream:
        assert await stream.receive() == b"x"
        if ended:
            stream.end()
            assert await stream.receive() == b""
    word = await sh(sandbox, f"until [ -s {rest} ]; do sleep 0.01; done; cat {rest}")
    assert word.stdout == ("end\n" if ended else "reset\n")


@asynccontextmanager
async def fresh_sandbox(folder: Path) -> AsyncIterator[Sandbox]:
    spec = SandboxSpec(id="fresh", root=folder / "root", network=Network.NONE)
    sandbox = await Bubblewrap().start(spec)
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def test_closed_streams_leave_nothing_inside(tmp_path: Path) -> None:
    async def use(stream: Stream, end: bool) -> None:
        await stream.send(b"x")
        await stream.receive()
        if end:
            stream.end()
            assert await stream.receive() == b""

    async with fresh_sandbox(tmp_path) as sandbox:
        port, _ = await start(sandbox, ECHO, "127.0.0.1 2")

        async def left() -> list[int]:
            # The parent of the shell is the worker.
            counts = await sh(sandbox, "ls /proc/$PPID/fd | wc -l; ls /proc/$PPID/task | wc -l")
            return [int(count) for count in counts.stdout.split()]

        before = await left()
        assert min(before) > 1
        for number in range(STREAMS):
            async with connected(sandbox, port) as stream:
                await use(stream, number % 2 == 0)
        # A pipe of the command before and an idle thread come and go by themselves: a leak is
        # what grows with the streams.
        with anyio.fail_after(SECONDS):
            while max(now - then for now, then in zip(await left(), before, strict=True)) > 4:
                pass


async def test_the_end_of_the_sandbox_breaks_streams(tmp_path: Path) -> None:
    async with fresh_sandbox(tmp_path) as sandbox:
        port, _ = await start(sandbox, ECHO, "127.0.0.1 2")
        async with connected(sandbox, port) as stream, anyio.create_task_group() as group:

            async def wait() -> None:
                with pytest.raises(SandboxDiedError):
                    await stream.receive()

            group.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            await sandbox.close()
        with pytest.raises(SandboxDiedError):
            await sandbox.connect(port, timeout=SECONDS)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Link, Peer, Stream, int]]:
    """A stream to a hand-made worker."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link = await Link.open(ours, "test", {"home": "/"}, lambda: None)
    peer = Peer(theirs)
    await peer.next_call()
    await peer.send(HELLO)
    streams: list[Stream] = []

    async def connect() -> None:
        streams.append(await link.open_stream("connect", {"port": 1}, timeout=SECONDS))

    try:
        with anyio.fail_after(SECONDS):
            async with anyio.create_task_group() as group:
                group.start_soon(connect)
                frame = await peer.receive()
                assert (frame.kind, frame.header["params"]) == (Kind.OPEN, {"port": 1})
                assert (await peer.receive()) == credit_frame(frame.call, WINDOW_BYTES)
                await peer.send(credit_frame(frame.call, 10))
            yield link, peer, streams[0], frame.call
    finally:
        await link.close()
        peer.close()


async def test_nothing_is_sent_without_credit() -> None:
    async with opened() as (_, peer, stream, number), anyio.create_task_group() as group:
        group.start_soon(stream.send, b"0123456789abc")
        assert (await peer.receive()).payload == b"0123456789"
        await peer.send(credit_frame(number, 1))
        assert (await peer.receive()).payload == b"a"
        await peer.send(credit_frame(number, 100))
        assert (await peer.receive()).payload == b"bc"


async def test_a_stream_given_up_while_it_opens_is_withdrawn() -> None:
    async with opened() as (link, peer, _, _):
        with pytest.raises(WorkerError) as caught:
            await link.open_stream("connect", {"port": 2}, timeout=0.01)
        assert caught.value.code == "timeout"
        kinds = [(await peer.receive()).kind for _ in range(3)]
        assert kinds == [Kind.OPEN, Kind.CREDIT, Kind.RESET]


@pytest.mark.parametrize(
    "broken",
    ["too much", "after the end", "second end", "no number", "open"],
)
async def test_a_worker_that_breaks_the_protocol_is_dropped(broken: str) -> None:
    async with opened() as (_, peer, stream, number):
        chunk = Frame(Kind.BYTES, number, None, bytes(65536))
        close = Frame(Kind.CLOSE, number)
        frames = {
            "too much": [chunk] * (WINDOW_BYTES // 65536 + 1),
            "after the end": [close, chunk],
            "second end": [close, close],
            "no number": [Frame(Kind.CREDIT, number, {"bytes": -1})],
            "open": [Frame(Kind.OPEN, number, {"method": "x"})],
        }[broken]
        await peer.send(*frames)
        with pytest.raises(SandboxDiedError, match="broke the protocol"):
            await stream.send(bytes(100))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.binary(min_size=1, max_size=2000), max_size=8), st.integers(1, 500))
def test_any_credit_and_any_pieces_carry_the_same_bytes(pieces: list[bytes], credit: int) -> None:
    async def run() -> None:
        async with opened() as (_, peer, stream, number), anyio.create_task_group() as group:

            async def send() -> None:
                for piece in pieces:
                    await stream.send(piece)
                stream.end()

            group.start_soon(send)
            received = b""
            while (frame := await peer.receive()).kind is Kind.BYTES:
                received += frame.payload
                await peer.send(credit_frame(number, credit))
            assert frame.kind is Kind.CLOSE
            assert received == b"".join(pieces)

    asyncio.run(run())  # anyio 4.11 takes this thread for one with a running loop
