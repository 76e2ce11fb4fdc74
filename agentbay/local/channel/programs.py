"""The runtime's end of the stream to a program in a sandbox."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from agentbay.local.channel.registry import ChannelFailedError
from agentbay.local.worker.frames import CHUNK_BYTES, FrameError, decode_object, encode_object
from agentbay.local.worker.packets import (
    Packet,
    PacketDecoder,
    number_in,
    pack,
    pack_number,
    pack_size,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay.local.sandbox.base import Sandbox, Stream

__all__ = ("ProgramStream", "open_program")

_OPEN_SECONDS = 30.0


class ProgramStream:
    """Packets to and from one program. What the sandbox sends is not trusted."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._decoder = PacketDecoder()
        self._received: deque[tuple[Packet, bytes]] = deque()
        self.pid = 0

    async def receive(self) -> tuple[Packet, bytes]:
        """Return the next packet.

        Raises:
            ChannelFailedError: There is none after all, or it is not what it should be.
            SandboxError: The program could not be run, or its sandbox has ended.
        """
        while not self._received:
            data = await self._stream.receive()
            if not data:
                raise ChannelFailedError("The program was lost: its end is unknown", "internal")
            try:
                self._received += self._decoder.feed(data)
            except FrameError as exc:
                raise ChannelFailedError(f"The program was lost: {exc}", "internal") from exc
        return self._received.popleft()

    async def start(self, params: Mapping[str, Any]) -> None:
        """Send what is to be started."""
        text = encode_object(params)
        for start in range(0, len(text), CHUNK_BYTES):
            await self._stream.send(pack(Packet.PARAMS, text[start : start + CHUNK_BYTES]))
        await self._stream.send(pack(Packet.START))

    async def write(self, data: bytes) -> None:
        """Send input."""
        for start in range(0, len(data), CHUNK_BYTES):
            await self._stream.send(pack(Packet.INPUT, data[start : start + CHUNK_BYTES]))

    async def end_input(self) -> None:
        """Send the end of the input."""
        await self._stream.send(pack(Packet.END_INPUT))

    async def send_signal(self, number: int) -> None:
        """Send a signal."""
        await self._stream.send(pack_number(Packet.SIGNAL, number))

    async def resize(self, columns: int, rows: int) -> None:
        """Set the size of the terminal."""
        await self._stream.send(pack_size(columns, rows))

    def close(self) -> None:
        """Give it up; a program that has not ended is killed. Idempotent."""
        self._stream.close()


async def open_program(sandbox: Sandbox, kind: str, params: Mapping[str, Any]) -> ProgramStream:
    """Start a program and return the stream to it, once it runs.

    Args:
        sandbox: Where.
        kind: ``process`` or ``terminal``.
        params: What the worker has to know.

    Raises:
        SandboxError: It cannot be started.
    """
    program = ProgramStream(await sandbox.open_stream(kind, {}, timeout=_OPEN_SECONDS))
    try:
        await program.start(params)
        kind_of_first, payload = await program.receive()
        if kind_of_first is not Packet.STARTED:
            raise ChannelFailedError("The program was lost while it started", "internal")
        program.pid = number_of(object_in(payload), "pid")
    except BaseException:
        program.close()
        raise
    return program


def object_in(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in *payload*.

    Raises:
        ChannelFailedError: It is something else.
    """
    try:
        return decode_object(payload)
    except FrameError as exc:
        raise ChannelFailedError(f"The program was lost: {exc}", "internal") from exc


def taken_in(payload: bytes) -> int:
    """Return how much input a program has taken.

    Raises:
        ChannelFailedError: *payload* does not tell.
    """
    try:
        return number_in(payload)
    except FrameError as exc:
        raise ChannelFailedError(f"The program was lost: {exc}", "internal") from exc


def number_of(facts: Mapping[str, Any], name: str) -> int:
    """Return the number *name* of *facts*.

    Raises:
        ChannelFailedError: There is none.
    """
    value = facts.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ChannelFailedError(f"The program was lost: {name} is unknown", "internal")
    return value
