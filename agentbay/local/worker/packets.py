"""What the runtime and a program in the sandbox say to each other, inside a stream.

At first come PARAMS (pieces of JSON) and START. To the program go INPUT, END_INPUT, SIGNAL (its
number) and RESIZE (columns, rows). From it come STARTED (JSON), STDOUT and STDERR, TAKEN (how
many bytes of input the program has taken), and at last EXIT (JSON). A stream that ends without
EXIT was cut off.
"""

from __future__ import annotations

import enum
import struct

from .frames import CHUNK_BYTES, FrameError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = struct.Struct("!BI")
_SIZE = struct.Struct("!HH")
_COUNT = struct.Struct("!I")


class Packet(enum.IntEnum):
    """What a packet means."""

    INPUT = 1
    END_INPUT = 2
    SIGNAL = 3
    RESIZE = 4
    STARTED = 5
    STDOUT = 6
    STDERR = 7
    TAKEN = 8
    EXIT = 9
    PARAMS = 10
    START = 11


def pack(kind: Packet, payload: bytes | bytearray = b"") -> bytes:
    """Return the bytes of one packet."""
    return _HEAD.pack(kind, len(payload)) + payload


def pack_number(kind: Packet, number: int) -> bytes:
    """Return a packet that carries one number."""
    return pack(kind, _COUNT.pack(number))


def pack_size(columns: int, rows: int) -> bytes:
    """Return the packet that sets the size of a terminal."""
    return pack(Packet.RESIZE, _SIZE.pack(columns, rows))


def number_in(payload: bytes) -> int:
    """Return the number that a packet carries.

    Raises:
        FrameError: There is none.
    """
    return _unpacked(_COUNT, payload)[0]


def size_in(payload: bytes) -> tuple[int, int]:
    """Return the columns and rows that a packet carries.

    Raises:
        FrameError: They are not there.
    """
    columns, rows = _unpacked(_SIZE, payload)
    return columns, rows


def _unpacked(form: struct.Struct, payload: bytes) -> tuple[int, ...]:
    if len(payload) != form.size:
        raise FrameError("a packet of the wrong size")
    return form.unpack(payload)


class PacketDecoder:
    """Turns bytes, cut anywhere, into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Packet, bytes]]:
        """Yield the packets that *data* completes.

        Raises:
            FrameError: The bytes are no packets.
        """
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._buffer)
            if length > CHUNK_BYTES:
                raise FrameError("a packet that is too large")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            try:
                yield Packet(kind), payload
            except ValueError:
                raise FrameError(f"unknown kind of packet: {kind}") from None
