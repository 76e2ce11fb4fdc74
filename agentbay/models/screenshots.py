"""Pictures of a screen."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from agentbay.errors import RemoteOperationError
from agentbay.models.results import ApiResponse, Outcome

if TYPE_CHECKING:
    import os

__all__ = ("ScreenshotMode", "ScreenshotResult")


class ScreenshotMode(str, Enum):
    """Kinds of screenshots; no tool takes one yet."""

    NORMAL = "normal"


@define
class ScreenshotResult(ApiResponse, Outcome):
    """A picture of the screen; notebooks show it as a picture.

    Attributes:
        type: What the session calls it, for example ``image``.
        data: The file, ready to be saved or decoded.
        mime_type: ``image/png`` or ``image/jpeg``.
        width: Width in pixels, where the session told.
        height: Height in pixels, likewise.
    """

    error_class = RemoteOperationError

    success: bool = False
    error_message: str = ""
    type: str = ""
    data: bytes = field(default=b"", repr=lambda data: f"<{len(data)} bytes>")
    mime_type: str = ""
    width: int | None = None
    height: int | None = None

    @property
    def format(self) -> str:
        """``png`` or ``jpeg``; empty when there is no picture."""
        return self.mime_type.partition("/")[2]

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels; ``None`` when the session did not tell."""
        if self.width is None or self.height is None:
            return None
        return self.width, self.height

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file of this machine, replacing what is there.

        Args:
            path: The file; its directory must exist.

        Returns:
            The path.

        Raises:
            AgentBayError: there is no picture, because the screenshot failed.
            OSError: the file cannot be written.
        """
        self.raise_for_error()
        saved = Path(path)
        saved.write_bytes(self.data)
        return saved

    def unwrap(self) -> bytes:
        """Return the picture, or raise the error of a failed result."""
        self.raise_for_error()
        return self.data

    def _repr_png_(self) -> bytes | None:
        return self.data if self.format == "png" else None

    def _repr_jpeg_(self) -> bytes | None:
        return self.data if self.format == "jpeg" else None
