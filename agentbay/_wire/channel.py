"""Frames of a session's WebSocket, written once for both sides.

A frame is one JSON object in a text message. Exchanges share the connection: a *call* has one
answer, a *stream* has events until its end, a *message* has no answer, and a *push* is what the
server says by itself. What the parts of a frame mean is in the table of `Frame`.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from attrs import field, frozen

from agentbay.errors import ProtocolError

__all__ = (
    "CHUNK_BYTES",
    "GATEWAY",
    "MAX_FRAME_BYTES",
    "PTY_SERVER",
    "SDK",
    "SHELL_SERVER",
    "Frame",
    "Phase",
    "decode_bytes",
    "encode_bytes",
)

SDK = "SDK"
"""How clients call themselves."""
GATEWAY = "WEBSOCKET_SERVER"
"""The source of what the gateway says itself: mostly that something failed."""
PTY_SERVER = "PTY_SERVER"
"""The target that has the terminals."""
SHELL_SERVER = "wuying_shell"
"""The target that runs commands; beyond the reference, so not every service has it."""

MAX_FRAME_BYTES = 1024 * 1024
"""Larger frames end the connection of some clients."""
CHUNK_BYTES = 64 * 1024
"""Most raw bytes in one frame; as JSON each of them may take six."""


class Phase:
    """What ``data.phase`` says of a frame of a stream."""

    EVENT = "event"
    END = "end"
    ERROR = "error"


@frozen
class Frame:
    """One frame, in either direction.

    Attributes:
        id: Which exchange it belongs to; ``invocationId`` on the wire.
        source: Who sent it: `SDK`, the name of a server, or `GATEWAY`.
        target: Whom it is for: the name of a server, or `SDK`.
        data: What it says; ``None`` if that is not an object.
        error: Why an exchange failed, in frames of the gateway.
    """

    id: str
    source: str
    target: str
    data: dict[str, Any] | None = field(repr=False)
    error: str = ""

    def to_text(self) -> str:
        """Return the frame as it travels."""
        body: dict[str, Any] = {
            "invocationId": self.id,
            "source": self.source,
            "target": self.target,
            "data": self.data or {},
        }
        if self.error:
            body["error"] = self.error
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Frame:
        """Read a frame; parts that do not fit are empty, for whoever it is for to complain.

        Raises:
            ProtocolError: it is no JSON object, or nobody can tell which exchange it belongs to.
        """
        try:
            body = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise ProtocolError(f"The frame is not JSON: {exc}") from exc
        if not isinstance(body, dict):
            raise ProtocolError("The frame is not a JSON object")
        identity = _text(body, "invocationId") or _text(body, "requestId")
        if not identity:
            raise ProtocolError("The frame has no invocationId")
        return cls(
            identity,
            _text(body, "source"),
            _text(body, "target"),
            _object(body.get("data")),
            _text(body, "error"),
        )


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):  # some services write it as JSON inside a string
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def encode_bytes(data: bytes) -> dict[str, str]:
    """Return the fields that carry *data* exactly: as text where it is UTF-8, else as base64."""
    try:
        return {"encoding": "utf8", "data": data.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "data": base64.b64encode(data).decode("ascii")}


def decode_bytes(fields: dict[str, Any]) -> bytes:
    """Return the bytes that *fields* carry.

    Raises:
        ProtocolError: they are not there, or in an unknown encoding.
    """
    text = fields.get("data")
    if not isinstance(text, str):
        raise ProtocolError("data must be a string")
    encoding = fields.get("encoding") or "utf8"
    try:
        if encoding == "utf8":
            return text.encode()
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as exc:
        raise ProtocolError(f"data cannot be read as {encoding}: {exc}") from exc
    raise ProtocolError(f"encoding must be utf8 or base64, not {encoding!r:.100}")
