"""The tools that work on windows, and what they answer."""

from __future__ import annotations

from attrs import field, frozen

from agentbay._wire.codec import WireObject
from agentbay._wire.tools.answers import read_object, read_objects
from agentbay._wire.tools.desktop import UiTool
from agentbay.models.computer import Window

__all__ = (
    "ActivateWindow",
    "CloseWindow",
    "FocusMode",
    "FullscreenWindow",
    "GetActiveWindow",
    "ListRootWindows",
    "MaximizeWindow",
    "MinimizeWindow",
    "ResizeWindow",
    "RestoreWindow",
    "WindowAnswer",
)


@frozen(kw_only=True)
class WindowAnswer(WireObject):
    """One window, as tools describe it; older clients read ``title``, newer ``window_title``."""

    pascal_case = False

    window_id: int = 0
    window_title: str = ""
    title: str = ""
    absolute_upper_left_x: int | None = None
    absolute_upper_left_y: int | None = None
    width: int | None = None
    height: int | None = None
    pid: int | None = None
    pname: str | None = None
    child_windows: list[WindowAnswer] = field(factory=list)

    def window(self) -> Window:
        """Return the public form."""
        return Window(
            self.window_id,
            self.window_title or self.title,
            self.absolute_upper_left_x,
            self.absolute_upper_left_y,
            self.width,
            self.height,
            self.pid,
            self.pname,
            [child.window() for child in self.child_windows],
        )


@frozen(kw_only=True)
class ListRootWindows(UiTool):
    """Return the windows on the screen, as a JSON array."""

    tool_name = "list_root_windows"

    timeout_ms: int = 3000

    @staticmethod
    def parse(text: str) -> list[Window]:
        """Return the windows in *text*; none if it is empty.

        Raises:
            ValueError: it is not JSON.
            ProtocolError: it says something else.
        """
        found = read_objects(text, WindowAnswer, "The windows") if text.strip() else []
        return [window.window() for window in found]


@frozen(kw_only=True)
class GetActiveWindow(UiTool):
    """Return the window that has the focus, as a JSON object."""

    tool_name = "get_active_window"

    timeout_ms: int | None = None

    @staticmethod
    def parse(text: str) -> Window | None:
        """Return the window in *text*; ``None`` if it is empty.

        Raises:
            ValueError: it is not JSON.
            ProtocolError: it says something else.
        """
        if not text.strip():
            return None
        return read_object(text, WindowAnswer, "The window").window()


@frozen(kw_only=True)
class WindowTool(UiTool):
    """Base of the tools that act on one window."""

    window_id: int


@frozen(kw_only=True)
class ActivateWindow(WindowTool):
    """Raise a window and give it the focus."""

    tool_name = "activate_window"


@frozen(kw_only=True)
class CloseWindow(WindowTool):
    """Ask a window to close."""

    tool_name = "close_window"


@frozen(kw_only=True)
class MaximizeWindow(WindowTool):
    """Let a window fill the work area."""

    tool_name = "maximize_window"


@frozen(kw_only=True)
class MinimizeWindow(WindowTool):
    """Iconify a window."""

    tool_name = "minimize_window"


@frozen(kw_only=True)
class RestoreWindow(WindowTool):
    """Bring a window back from being minimised, maximised or full-screen."""

    tool_name = "restore_window"


@frozen(kw_only=True)
class FullscreenWindow(WindowTool):
    """Let a window cover the whole screen, without decorations."""

    tool_name = "fullscreen_window"


@frozen(kw_only=True)
class ResizeWindow(WindowTool):
    """Give a window another size."""

    tool_name = "resize_window"

    width: int
    height: int


@frozen(kw_only=True)
class FocusMode(UiTool):
    """Keep other windows from taking the focus, or let them again."""

    tool_name = "focus_mode"

    on: bool
