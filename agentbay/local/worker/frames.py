"""Frames between the runtime and the worker of a sandbox, defined once for both sides.

A frame is a fixed prefix (kind, call, two lengths), a JSON header and raw bytes. Frames of many
calls share one socket; bytes travel in chunks, so that no answer holds up the others for long.

A call is ``CALL {method}``, then ``DATA {blob}`` for ``params`` (JSON) and ``payload`` (raw),
then ``END``. Its answer is ``DATA {blob}`` in any order, the JSON object ``result`` among them,
then ``END``; or ``ERROR {code, message}`` at any moment, which voids the data before it.
``CANCEL`` withdraws a call: the worker stops it and stays silent about it. ``HELLO {protocol}``
is the worker's first frame. Nothing is taken on trust: inside the sandbox runs the user's code.

A stream carries bytes both ways for as long as both sides want. ``OPEN {method, params}`` begins
it, under a number that no call in progress has. Each side sends ``BYTES`` as far as the other has
given it ``CREDIT {bytes}``, so that a stream whose reader is slow holds up nothing else. The
worker's first CREDIT tells that the stream is open, the runtime's that it may begin. ``CLOSE``
ends one direction, after its last byte; ``RESET {code, message}``, the runtime's without either,
voids both at any moment.
"""

from __future__ import annotations

import enum
import json
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

PROTOCOL_VERSION = 2
CHUNK_BYTES = 256 * 1024
"""Most raw bytes in one frame."""
MAX_HEADER_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""Most raw bytes in one call, or in one answer."""
WINDOW_BYTES = 2 * 1024 * 1024
"""Most raw bytes of one direction of a stream that are on the way and not used yet."""

_PREFIX = struct.Struct("!BIII")
_MAX_AMOUNT = 2**31 - 1


class FrameError(Exception):
    """Bytes that are not frames; the connection cannot be used any further."""


class MessageTooLargeError(FrameError):
    """A call or an answer with more than `MAX_MESSAGE_BYTES`."""


class Kind(enum.IntEnum):
    """What a frame means."""

    HELLO = 1
    CALL = 2
    DATA = 3
    END = 4
    ERROR = 5
    CANCEL = 6
    OPEN = 7
    BYTES = 8
    CREDIT = 9
    CLOSE = 10
    RESET = 11


STREAM_KINDS = frozenset({Kind.OPEN, Kind.BYTES, Kind.CREDIT, Kind.CLOSE, Kind.RESET})
"""The frames of streams; the others are those of calls."""


class Frame:
    """One frame, decoded."""

    __slots__ = ("call", "header", "kind", "payload")

    def __init__(
        self, kind: Kind, call: int, header: Mapping[str, Any] | None = None, payload: bytes = b""
    ) -> None:
        self.kind = kind
        self.call = call
        self.header: Mapping[str, Any] = {} if header is None else header
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return (self.kind, self.call, self.header, self.payload) == (
            other.kind,
            other.call,
            other.header,
            other.payload,
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content, and the header is mutable

    def __repr__(self) -> str:
        # No header values: parameters of a call may hold secrets.
        return f"<Frame {self.kind.name} call={self.call} payload={len(self.payload)}>"

    def text(self, key: str) -> str:
        """Return a header entry that has to be a string."""
        value = self.header.get(key)
        if not isinstance(value, str):
            raise FrameError(f"{self.kind.name} frame without {key!r}")
        return value

    def amount(self, key: str) -> int:
        """Return a header entry that has to be a number of bytes."""
        value = self.header.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MAX_AMOUNT:
            raise FrameError(f"{self.kind.name} frame without a proper {key!r}")
        return value

    def encode(self) -> bytes:
        """Return the bytes of this frame."""
        header = json.dumps(self.header).encode("ascii") if self.header else b""
        if len(header) > MAX_HEADER_BYTES or len(self.payload) > CHUNK_BYTES:
            raise FrameError(f"{self.kind.name} frame too large")
        prefix = _PREFIX.pack(self.kind, self.call, len(header), len(self.payload))
        return b"".join((prefix, header, self.payload))


class Decoder:
    """Turns a stream of bytes, cut anywhere, into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames completed by *data*.

        Raises:
            FrameError: The bytes are not frames.
        """
        self._buffer += data
        start = 0
        try:
            while (end := self._end_of_frame(start)) is not None:
                yield self._decode(start, end)
                start = end
        finally:
            del self._buffer[:start]

    def _end_of_frame(self, start: int) -> int | None:
        body = start + _PREFIX.size
        if len(self._buffer) < body:
            return None
        _, _, header, payload = _PREFIX.unpack_from(self._buffer, start)
        if header > MAX_HEADER_BYTES or payload > CHUNK_BYTES:
            raise FrameError("frame too large")
        end: int = body + header + payload
        return end if len(self._buffer) >= end else None

    def _decode(self, start: int, end: int) -> Frame:
        kind, call, header_length, _ = _PREFIX.unpack_from(self._buffer, start)
        body = start + _PREFIX.size + header_length
        header = decode_object(self._buffer[start + _PREFIX.size : body]) if header_length else {}
        try:
            return Frame(Kind(kind), call, header, bytes(self._buffer[body:end]))
        except ValueError:
            raise FrameError(f"unknown kind of frame: {kind}") from None


class Message:
    """The blobs of one call or answer, collected until its end."""

    def __init__(self, method: str = "") -> None:
        self.method = method
        self._blobs: dict[str, bytearray] = {}
        self._size = 0

    def add(self, frame: Frame) -> None:
        """Take in a DATA frame.

        Raises:
            MessageTooLargeError: There is more than any message may hold.
        """
        name = frame.text("blob")
        # The name counts too: otherwise empty blobs could grow the table without end.
        self._size += len(name) + len(frame.payload)
        if self._size > MAX_MESSAGE_BYTES:
            raise MessageTooLargeError(f"message of more than {MAX_MESSAGE_BYTES} bytes")
        self._blobs.setdefault(name, bytearray()).extend(frame.payload)

    def take_object(self, name: str) -> dict[str, Any]:
        """Remove and return the JSON object in blob *name*; a missing one is empty."""
        return decode_object(self._blobs.pop(name, b"{}"))

    def take_blobs(self) -> dict[str, bytes]:
        """Remove and return what has not been taken yet."""
        blobs = {name: bytes(self._blobs[name]) for name in self._blobs}
        self._blobs.clear()
        return blobs


def blob_frames(call: int, name: str, data: bytes) -> Iterator[Frame]:
    """Yield the DATA frames that carry *data*; one even when it is empty."""
    header = {"blob": name}
    view = memoryview(data)
    for start in range(0, max(len(data), 1), CHUNK_BYTES):
        yield Frame(Kind.DATA, call, header, bytes(view[start : start + CHUNK_BYTES]))


def call_frames(
    call: int, method: str, params: Mapping[str, Any], payload: bytes
) -> Iterator[Frame]:
    """Yield the frames of one call."""
    yield Frame(Kind.CALL, call, {"method": method})
    yield from blob_frames(call, "params", encode_object(params))
    if payload:
        yield from blob_frames(call, "payload", payload)
    yield Frame(Kind.END, call)


def result_frames(call: int, result: Mapping[str, Any]) -> Iterator[Frame]:
    """Yield the frames that end a successful call."""
    yield from blob_frames(call, "result", encode_object(result))
    yield Frame(Kind.END, call)


class Receipts:
    """Counts what the reader of a stream has used, and when to tell the writer."""

    def __init__(self) -> None:
        self._used = 0

    def take(self, size: int) -> int:
        """Note *size* used bytes; return the credit to give now, 0 while it is not worth it."""
        self._used += size
        if self._used < WINDOW_BYTES // 2:
            return 0
        given, self._used = self._used, 0
        return given


def credit_frame(stream: int, size: int) -> Frame:
    """Return the frame that lets the other side send *size* more bytes."""
    return Frame(Kind.CREDIT, stream, {"bytes": size})


def batches(frames: Iterable[Frame]) -> Iterator[bytes]:
    """Yield the encoded frames in pieces that are worth a system call each."""
    buffer = bytearray()
    for frame in frames:
        buffer += frame.encode()
        if len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def encode_object(value: Mapping[str, Any]) -> bytes:
    """Return *value* as JSON; file names that are not UTF-8 survive as lone surrogates."""
    return json.dumps(value).encode("ascii")


def decode_object(data: bytes | bytearray) -> dict[str, Any]:
    """Return the JSON object in *data*.

    Raises:
        FrameError: It is something else.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise FrameError(f"malformed JSON: {type(exc).__name__}") from exc
    if not isinstance(value, dict):
        raise FrameError(f"expected a JSON object, not {type(value).__name__}")
    return value
