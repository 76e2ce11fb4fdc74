"""The tools that take pictures of the screen, and what they answer."""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar, Literal

from attrs import field, frozen, validators

from agentbay._wire.tools.answers import load_bounded
from agentbay._wire.tools.base import Tool
from agentbay.errors import ProtocolError

__all__ = (
    "LongScreenshot",
    "Screenshot",
    "ScreenshotAnswer",
    "SystemScreenshot",
)


@frozen(kw_only=True)
class ScreenshotAnswer:
    """A picture, as tools send it: a JSON object with the file in base64."""

    SIGNATURES: ClassVar[dict[str, bytes]] = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}
    """How the file of each format begins."""

    type: str = "image"
    mime_type: str
    data: bytes = field(repr=False)
    width: int | None = None
    height: int | None = None

    @classmethod
    def from_text(cls, text: str, wanted: str, mismatch: str) -> ScreenshotAnswer:
        """Read *text*, which must hold a picture in the *wanted* format.

        Args:
            text: The answer.
            wanted: ``png`` or ``jpeg``.
            mismatch: What to say of a file in another format.

        Raises:
            ProtocolError: it holds none.
        """
        found = _screenshot_object(text)
        encoded = found.get("data")
        if not isinstance(encoded, str) or not encoded.strip():
            raise ProtocolError("Screenshot JSON missing base64 field")
        for name in ("type", "mime_type"):
            if not isinstance(found.get(name), str) or not found[name].strip():
                raise ProtocolError(f"Invalid screenshot JSON: expected non-empty string '{name}'")
        for name in ("width", "height"):
            if not isinstance(found.get(name), int | None) or isinstance(found.get(name), bool):
                raise ProtocolError(f"Invalid screenshot JSON: expected integer '{name}'")
        try:
            data = base64.b64decode(encoded, validate=True)
        except ValueError as exc:
            raise ProtocolError(f"Failed to decode screenshot data: {exc}") from exc
        if not data.startswith(cls.SIGNATURES[wanted]):
            raise ProtocolError(mismatch)
        mime_type = found["mime_type"].strip().lower()
        if mime_type != f"image/{wanted}":
            raise ProtocolError(
                "Screenshot JSON mime_type does not match expected format: "
                f"expected 'image/{wanted}', got '{mime_type}'"
            )
        return cls(
            type=found["type"],
            mime_type=mime_type,
            data=data,
            width=found.get("width"),
            height=found.get("height"),
        )

    def to_text(self) -> str:
        """Return the JSON object; the reverse of :meth:`from_text`."""
        found = {
            "type": self.type,
            "mime_type": self.mime_type,
            "width": self.width,
            "height": self.height,
            "data": base64.b64encode(self.data).decode(),
        }
        return json.dumps({name: value for name, value in found.items() if value is not None})


def _screenshot_object(text: str) -> dict[str, Any]:
    if not text.strip():
        raise ProtocolError("Screenshot tool returned empty data")
    if not text.lstrip().startswith("{"):
        raise ProtocolError("Screenshot tool returned non-JSON data")
    try:
        found: dict[str, Any] = load_bounded(text)
    except ValueError as exc:
        raise ProtocolError(f"Invalid screenshot JSON: {exc}") from exc
    return found


@frozen(kw_only=True)
class CaptureTool(Tool):
    """Base of the tools that take pictures of the screen."""

    server = "wuying_capture"


@frozen(kw_only=True)
class SystemScreenshot(CaptureTool):
    """Take a picture of the screen and return a URL to fetch it from."""

    tool_name = "system_screenshot"

    @staticmethod
    def parse(text: str) -> str:
        """Return the URL in *text*.

        Raises:
            ProtocolError: it is empty.
        """
        if not text.strip():
            raise ProtocolError("the answer holds no URL")
        return text


@frozen(kw_only=True)
class Screenshot(CaptureTool):
    """Take a picture of the screen and return it in base64, in a JSON object."""

    tool_name = "screenshot"

    format: Literal["png", "jpeg"] = "png"


@frozen(kw_only=True)
class LongScreenshot(CaptureTool):
    """Scroll through an app and return one long picture of it in base64, in a JSON object."""

    tool_name = "long_screenshot"

    max_screens: int = field(default=4, validator=[validators.ge(2), validators.le(10)])
    format: Literal["png", "jpeg"] = "png"
    quality: int | None = None
    """1 to 100, for JPEG only."""
