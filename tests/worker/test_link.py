"""The runtime's end of the link, against workers that misbehave."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay.local.sandbox.base import SandboxDiedError, WorkerError
from agentbay.local.sandbox.link import Link
from agentbay.local.worker.frames import (
    CHUNK_BYTES,
    PROTOCOL_VERSION,
    Decoder,
    Frame,
    Kind,
    batches,
    blob_frames,
    result_frames,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 10.0
HELLO = Frame(Kind.HELLO, 0, {"protocol": PROTOCOL_VERSION})


class Peer:
    """A hand-made worker."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._decoder = Decoder()
        self._frames: list[Frame] = []

    async def send(self, *frames: Frame) -> None:
        await self.send_bytes(b"".join(batches(frames)))

    async def send_bytes(self, data: bytes) -> None:
        while data:
            await anyio.wait_writable(self._sock)
            data = data[self._sock.send(data) :]

    async def receive(self) -> Frame:
        while not self._frames:
            await anyio.wait_readable(self._sock)
            data = self._sock.recv(CHUNK_BYTES)
            assert data, "the link is closed"
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    async def next_call(self) -> tuple[int, str]:
        """Return number and method of the next call, after all its frames."""
        frame = await self.receive()
        assert frame.kind is Kind.CALL
        while (await self.receive()).kind is not Kind.END:
            pass
        return frame.call, frame.text("method")

    def close(self) -> None:
        self._sock.close()


class Connected:
    """A link and its peer."""

    def __init__(self, link: Link, peer: Peer, lost: anyio.Event) -> None:
        self.link = link
        self.peer = peer
        self.lost = lost


@pytest.fixture
async def connected() -> AsyncIterator[Connected]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    lost = anyio.Event()
    link = await Link.open(ours, "test", {"home": "/"}, lost.set)
    peer = Peer(theirs)
    yield Connected(link, peer, lost)
    await link.close()
    peer.close()


async def test_settings_come_first(connected: Connected) -> None:
    assert await connected.peer.next_call() == (0, "configure")
    await connected.peer.send(HELLO)
    await connected.link.ready()


async def test_answers_may_come_in_any_order(connected: Connected) -> None:
    peer, answers = connected.peer, []
    await peer.next_call()

    async def ask(method: str) -> None:
        reply = await connected.link.call(method, {}, payload=b"", timeout=SECONDS)
        answers.append((method, reply.result["number"], reply.blobs["data"]))

    async with anyio.create_task_group() as group:
        for method in ("a", "b"):
            group.start_soon(ask, method)
        calls = [await peer.next_call(), await peer.next_call()]
        for number, _ in calls:
            await peer.send(*blob_frames(number, "data", b"first "))
        for number, method in reversed(calls):
            await peer.send(*blob_frames(number, "data", method.encode()))
            await peer.send(*result_frames(number, {"number": number}))
    assert answers == [
        (method, number, b"first " + method.encode()) for number, method in reversed(calls)
    ]


async def test_a_failure_voids_the_data_before_it(connected: Connected) -> None:
    peer = connected.peer
    await peer.next_call()

    async def answer() -> None:
        number, _ = await peer.next_call()
        await peer.send(*blob_frames(number, "content", b"half"))
        await peer.send(Frame(Kind.ERROR, number, {"code": "io_error", "message": "broken disk"}))
        await peer.send(*result_frames(number, {}))

    async with anyio.create_task_group() as group:
        group.start_soon(answer)
        with pytest.raises(WorkerError, match="broken disk") as caught:
            await connected.link.call("read_file", {}, payload=b"", timeout=SECONDS)
    assert caught.value.code == "io_error"


async def test_running_out_of_time_withdraws_the_call(connected: Connected) -> None:
    peer = connected.peer
    await peer.next_call()
    with pytest.raises(WorkerError) as caught:
        await connected.link.call("shell", {}, payload=b"", timeout=0.01)
    assert caught.value.code == "timeout"
    number, _ = await peer.next_call()
    cancel = await peer.receive()
    assert (cancel.kind, cancel.call) == (Kind.CANCEL, number)
    # What still comes for it is dropped, and the link goes on.
    await peer.send(*result_frames(number, {}), HELLO)
    await connected.link.ready()


async def test_a_worker_that_does_not_read_holds_only_the_caller(connected: Connected) -> None:
    payload = bytes(50_000_000)
    with pytest.raises(WorkerError) as caught:
        await connected.link.call("write_file", {}, payload=payload, timeout=0.1)
    assert caught.value.code == "timeout"


MALFORMED = {
    "garbage": b"GET / HTTP/1.1\r\nHost: example\r\n\r\n",
    "oversized": struct.pack("!BIII", Kind.DATA, 1, 0, 2**31),
    "unknown kind": struct.pack("!BIII", 77, 1, 0, 0),
    "call from the worker": Frame(Kind.CALL, 1, {"method": "x"}).encode(),
    "second hello": HELLO.encode() * 2,
    "another version": Frame(Kind.HELLO, 0, {"protocol": 99}).encode(),
    "nameless blob": Frame(Kind.DATA, 1, {}, b"x").encode(),
    "result that is no object": b"".join(
        batches([*blob_frames(1, "result", b"[1]"), Frame(Kind.END, 1)])
    ),
    "error without a code": Frame(Kind.ERROR, 1, {"message": "x"}).encode(),
    "error with a number": Frame(Kind.ERROR, 1, {"message": "x", "code": 5}).encode(),
    "nested": b"".join(
        batches([*blob_frames(1, "result", json.dumps({"a": "b"}).encode() + b"[" * 99_999)])
    )
    + Frame(Kind.END, 1).encode(),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_answers_end_the_link(connected: Connected, data: bytes) -> None:
    peer = connected.peer
    await peer.next_call()

    async def answer() -> None:
        await peer.next_call()
        await peer.send_bytes(data)

    async with anyio.create_task_group() as group:
        group.start_soon(answer)
        with pytest.raises(SandboxDiedError, match="broke the protocol"):
            await connected.link.call("shell", {}, payload=b"", timeout=SECONDS)
    with anyio.fail_after(SECONDS):
        await connected.lost.wait()


async def test_endless_answers_end_the_link(connected: Connected) -> None:
    peer = connected.peer
    await peer.next_call()

    async def answer() -> None:
        number, _ = await peer.next_call()
        chunk = Frame(Kind.DATA, number, {"blob": "stdout"}, bytes(CHUNK_BYTES)).encode()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                await peer.send_bytes(chunk)

    async with anyio.create_task_group() as group:
        group.start_soon(answer)
        with pytest.raises(SandboxDiedError, match="broke the protocol"):
            await connected.link.call("shell", {}, payload=b"", timeout=60)


async def test_a_lost_worker_fails_all_calls(connected: Connected) -> None:
    await connected.peer.next_call()

    async def ask() -> None:
        with pytest.raises(SandboxDiedError):
            await connected.link.call("shell", {}, payload=b"", timeout=SECONDS)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
        await connected.peer.next_call()
        await connected.peer.next_call()
        connected.peer.close()
    with pytest.raises(SandboxDiedError):
        await connected.link.ready()
    with pytest.raises(SandboxDiedError):
        await connected.link.call("shell", {}, payload=b"", timeout=SECONDS)
