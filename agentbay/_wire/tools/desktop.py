"""The tools of a desktop's mouse, keyboard and screen.

Coordinates are pixels of the screen, counted from its upper left corner.
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

from agentbay._wire.tools.answers import load_bounded
from agentbay._wire.tools.base import Tool
from agentbay.errors import ProtocolError

__all__ = (
    "Click",
    "ClickMouse",
    "DragMouse",
    "GetCursorPosition",
    "GetScreenSize",
    "InputText",
    "MoveMouse",
    "PressKeys",
    "ReleaseKeys",
    "Scroll",
)


@frozen(kw_only=True)
class UiTool(Tool):
    """Base of the tools that act on what is on the screen."""

    server = "wuying_ui"


@frozen(kw_only=True)
class ClickMouse(UiTool):
    """Click at a point of the screen."""

    tool_name = "click_mouse"

    x: int
    y: int
    button: Literal["left", "right", "middle", "double_left"] = "left"


@frozen(kw_only=True)
class Click(UiTool):
    """Click at a point of the screen; the name that older clients use."""

    tool_name = "click"

    x: int
    y: int
    button: Literal["left", "right", "middle", "double_left"] = "left"


@frozen(kw_only=True)
class MoveMouse(UiTool):
    """Move the pointer to a point of the screen."""

    tool_name = "move_mouse"

    x: int
    y: int


@frozen(kw_only=True)
class DragMouse(UiTool):
    """Press a button at one point, and release it at another."""

    tool_name = "drag_mouse"

    from_x: int
    from_y: int
    to_x: int
    to_y: int
    button: Literal["left", "right", "middle"] = "left"


@frozen(kw_only=True)
class Scroll(UiTool):
    """Turn the mouse wheel at a point of the screen by a number of steps."""

    tool_name = "scroll"

    x: int
    y: int
    direction: Literal["up", "down", "left", "right"] = "up"
    amount: int = 1


@frozen(kw_only=True)
class GetCursorPosition(UiTool):
    """Return where the pointer is, as a JSON object of x and y."""

    tool_name = "get_cursor_position"


@frozen(kw_only=True)
class InputText(UiTool):
    """Type text into what has the focus."""

    tool_name = "input_text"

    text: str = field(repr=False)


@frozen(kw_only=True)
class PressKeys(UiTool):
    """Press keys together; with hold they stay down until release_keys."""

    tool_name = "press_keys"

    keys: list[str]
    hold: bool = False


@frozen(kw_only=True)
class ReleaseKeys(UiTool):
    """Release keys that are held down."""

    tool_name = "release_keys"

    keys: list[str]


@frozen(kw_only=True)
class GetScreenSize(UiTool):
    """Return the size of the screen, as a JSON object of width, height and dpiScalingFactor."""

    tool_name = "get_screen_size"

    @staticmethod
    def parse(text: str) -> dict[str, Any] | None:
        """Return the object in *text*; ``None`` if it is empty.

        Raises:
            ValueError: it is not JSON.
            ProtocolError: it says something else.
        """
        if not text.strip():
            return None
        found = load_bounded(text)
        if not isinstance(found, dict):
            raise ProtocolError("The screen size cannot be read: expected an object")
        return found
