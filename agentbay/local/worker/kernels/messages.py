"""Messages between the runtime and a kernel host: JSON objects behind their length.

To the host:

- ``run``: ``{"type", "number", "code", "timeout", "output_bytes"}``; one at a time.
- ``interrupt``: ``{"type", "number"}``; of no effect after the end of that execution.

From the host, first ``ready``, or ``{"type": "failed", "reason"}`` and its end. Then, all with
the ``number`` of the execution:

- ``stdout``, ``stderr``: ``{"chunk"}``.
- ``result``: ``{"mime", "is_main"}``; an ``id`` when it may be replaced, by one that has the same.
- ``error``: ``{"name", "value", "traceback"}``.
- ``end``: ``{"count", "seconds", "stopped", "reason"}``; the last of it. A reason is why the kernel
  ended with the execution, and what was stopped says by what: ``timeout``, ``output_limit``,
  ``interrupted`` or ``died``.
"""

from __future__ import annotations

import json
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class MessageError(Exception):
    """What arrived is no message."""


def encode(message: dict[str, Any]) -> bytes:
    """Return *message* as it travels."""
    body = json.dumps(message).encode("ascii")
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Puts messages together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Take in a piece and return the messages that it completes.

        Raises:
            MessageError: The other side breaks the protocol.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_MESSAGE_BYTES:
                raise MessageError(f"a message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield _object(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise MessageError(f"a message is not JSON: {exc}") from exc
    if not isinstance(message, dict):
        raise MessageError("a message is no object")
    return message
