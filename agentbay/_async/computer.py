"""The desktop of a session."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from agentbay._async import _screen_calls as calls
from agentbay._wire.tools.applications import (
    ListVisibleApps,
    StopAppByCmd,
    StopAppByPid,
    StopAppByPname,
)
from agentbay._wire.tools.desktop import (
    ClickMouse,
    DragMouse,
    GetCursorPosition,
    GetScreenSize,
    InputText,
    MoveMouse,
    PressKeys,
    ReleaseKeys,
    Scroll,
)
from agentbay._wire.tools.windows import (
    ActivateWindow,
    CloseWindow,
    FocusMode,
    FullscreenWindow,
    MaximizeWindow,
    MinimizeWindow,
    ResizeWindow,
    RestoreWindow,
)
from agentbay.models.computer import MouseButton, ScrollDirection
from agentbay.models.results import OperationResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.computer import (
        AppOperationResult,
        InstalledAppListResult,
        ProcessListResult,
        WindowInfoResult,
        WindowListResult,
    )
    from agentbay.models.results import BoolResult
    from agentbay.models.screenshots import ScreenshotResult

__all__ = ("AsyncComputer",)

BUTTONS = tuple(button.value for button in MouseButton)
# A drag holds one button down, which a double click does not.
DRAG_BUTTONS = tuple(button for button in BUTTONS if button != MouseButton.DOUBLE_LEFT)
DIRECTIONS = tuple(direction.value for direction in ScrollDirection)


class AsyncComputer:
    """Works the mouse, keyboard, screen, windows and applications of one session.

    Coordinates are pixels of the screen, counted from its upper left corner. Failures are
    results, whatever their cause, unless a method says something else.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session whose desktop this is."""
        return self._session

    async def click_mouse(
        self, x: int, y: int, button: MouseButton | str = MouseButton.LEFT
    ) -> BoolResult:
        """Click at a point of the screen.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
            button: ``left``, ``right``, ``middle``, or ``double_left`` for a double click.

        Raises:
            ValueError: there is no such button.
        """
        pressed = _one_of(BUTTONS, "button", button)
        return await self._act(ClickMouse(x=x, y=y, button=pressed), "click mouse")

    async def move_mouse(self, x: int, y: int) -> BoolResult:
        """Move the pointer to a point of the screen.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
        """
        return await self._act(MoveMouse(x=x, y=y), "move mouse")

    async def drag_mouse(
        self,
        from_x: int,
        from_y: int,
        to_x: int,
        to_y: int,
        button: MouseButton | str = MouseButton.LEFT,
    ) -> BoolResult:
        """Press a button at one point of the screen, and release it at another.

        Args:
            from_x: Where it is pressed, in pixels from the left.
            from_y: Where it is pressed, in pixels from the top.
            to_x: Where it is released, in pixels from the left.
            to_y: Where it is released, in pixels from the top.
            button: ``left``, ``right`` or ``middle``.

        Raises:
            ValueError: there is no such button.
        """
        pressed = _one_of(DRAG_BUTTONS, "button", button)
        tool = DragMouse(from_x=from_x, from_y=from_y, to_x=to_x, to_y=to_y, button=pressed)
        return await self._act(tool, "drag mouse")

    async def scroll(
        self,
        x: int,
        y: int,
        direction: ScrollDirection | str = ScrollDirection.UP,
        amount: int = 1,
    ) -> BoolResult:
        """Turn the mouse wheel at a point of the screen.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
            direction: ``up``, ``down``, ``left`` or ``right``.
            amount: Steps of the wheel.

        Raises:
            ValueError: there is no such direction.
        """
        turned = _one_of(DIRECTIONS, "direction", direction)
        return await self._act(Scroll(x=x, y=y, direction=turned, amount=amount), "scroll")

    async def get_cursor_position(self) -> OperationResult[str]:
        """Return where the pointer is, as JSON text with ``x`` and ``y``."""
        return await calls.ask(
            self._session, GetCursorPosition(), OperationResult, str, doing="get cursor position"
        )

    async def input_text(self, text: str) -> BoolResult:
        """Type text into what has the focus.

        Args:
            text: Any characters, whatever the layout of the keyboard.
        """
        return await self._act(InputText(text=text), "input text")

    async def press_keys(self, keys: list[str], hold: bool = False) -> BoolResult:
        """Press keys together.

        Args:
            keys: Their names in any usual spelling, for example ``["CTRL", "C"]``.
            hold: Leave them down until ``release_keys``.
        """
        return await self._act(PressKeys(keys=_key_list(keys), hold=hold), "press keys")

    async def release_keys(self, keys: list[str]) -> BoolResult:
        """Release keys that are held down.

        Args:
            keys: Their names exactly as the session knows them, for example ``["Ctrl"]``; see
                ``normalize_keys``.
        """
        return await self._act(ReleaseKeys(keys=_key_list(keys)), "release keys")

    async def get_screen_size(self) -> OperationResult[dict[str, Any]]:
        """Return ``width``, ``height`` and ``dpiScalingFactor`` of the screen."""
        return await calls.ask(
            self._session,
            GetScreenSize(),
            OperationResult,
            GetScreenSize.parse,
            doing="get screen size",
            noun="screen size JSON",
        )

    async def screenshot(self) -> OperationResult[str]:
        """Take a picture of the screen; return the URL of a PNG file.

        Sessions with a direct route refuse that: use ``beta_take_screenshot`` there.
        """
        return await calls.screenshot_url_without_link(self._session)

    async def beta_take_screenshot(self, format: str = "png") -> ScreenshotResult:  # noqa: A002 - the documented name
        """Take a picture of the screen; return its bytes.

        Only sessions with a direct route can do that: use ``screenshot`` in others.

        Args:
            format: ``png``, ``jpeg`` or ``jpg``.

        Raises:
            AgentBayError: there is no picture.
            ValueError: the format is none of these.
        """
        return await calls.take_screenshot(
            self._session,
            format,
            doing="Failed to take screenshot via MCP tool 'screenshot'",
            mismatch="Screenshot data does not match expected format '{}'",
        )

    async def list_root_windows(self, timeout_ms: int = 3000) -> WindowListResult:
        """Return the windows on the screen.

        Args:
            timeout_ms: Time that the session may take to find them, in milliseconds.
        """
        return await calls.root_windows(self._session, timeout_ms)

    async def get_active_window(self) -> WindowInfoResult:
        """Return the window that has the focus."""
        return await calls.active_window(self._session)

    async def activate_window(self, window_id: int) -> BoolResult:
        """Raise a window and give it the focus."""
        return await self._act(ActivateWindow(window_id=window_id), "activate window")

    async def close_window(self, window_id: int) -> BoolResult:
        """Ask a window to close."""
        return await self._act(CloseWindow(window_id=window_id), "close window")

    async def maximize_window(self, window_id: int) -> BoolResult:
        """Let a window fill the screen, apart from its decorations and the panels."""
        return await self._act(MaximizeWindow(window_id=window_id), "maximize window")

    async def minimize_window(self, window_id: int) -> BoolResult:
        """Iconify a window."""
        return await self._act(MinimizeWindow(window_id=window_id), "minimize window")

    async def restore_window(self, window_id: int) -> BoolResult:
        """Bring a window back from being minimised, maximised or full-screen."""
        return await self._act(RestoreWindow(window_id=window_id), "restore window")

    async def resize_window(self, window_id: int, width: int, height: int) -> BoolResult:
        """Give a window another size, in pixels."""
        tool = ResizeWindow(window_id=window_id, width=width, height=height)
        return await self._act(tool, "resize window")

    async def fullscreen_window(self, window_id: int) -> BoolResult:
        """Let a window cover the whole screen."""
        return await self._act(FullscreenWindow(window_id=window_id), "fullscreen window")

    async def focus_mode(self, on: bool) -> BoolResult:
        """Keep other windows from taking the focus, or let them again."""
        return await self._act(FocusMode(on=on), "toggle focus mode")

    async def get_installed_apps(
        self, start_menu: bool = True, desktop: bool = False, ignore_system_apps: bool = True
    ) -> InstalledAppListResult:
        """Return the installed applications.

        Args:
            start_menu: Include what is in the start menu.
            desktop: Include what is on the desktop.
            ignore_system_apps: Leave the system's own applications out.
        """
        return await calls.installed_apps(self._session, start_menu, desktop, ignore_system_apps)

    async def start_app(
        self, start_cmd: str, work_directory: str = "", activity: str = ""
    ) -> ProcessListResult:
        """Start an application; return its processes.

        Args:
            start_cmd: The command line, for example the ``start_cmd`` of an installed application.
            work_directory: Directory to run in.
            activity: The activity to show, for Android only.
        """
        return await calls.start_app(self._session, start_cmd, work_directory, activity)

    async def list_visible_apps(self) -> ProcessListResult:
        """Return the processes that own a visible window."""
        return await calls.processes(self._session, ListVisibleApps(), "list visible apps")

    async def stop_app_by_pname(self, pname: str) -> AppOperationResult:
        """Stop all processes of exactly this name."""
        return await calls.operate(self._session, StopAppByPname(pname=pname), "stop app")

    async def stop_app_by_pid(self, pid: int) -> AppOperationResult:
        """Stop one process."""
        return await calls.operate(self._session, StopAppByPid(pid=pid), "stop app")

    async def stop_app_by_cmd(self, stop_cmd: str) -> AppOperationResult:
        """Stop an application by its ``stop_cmd``."""
        return await calls.operate(self._session, StopAppByCmd(stop_cmd=stop_cmd), "stop app")

    async def _act(self, tool: Any, doing: str) -> BoolResult:
        return await calls.act(self._session, tool, doing)


def _one_of(allowed: tuple[str, ...], name: str, given: object) -> Any:
    value = given.value if isinstance(given, Enum) else given
    if value not in allowed:
        raise ValueError(f"Invalid {name} '{value}'. Must be one of {list(allowed)}")
    return value


def _key_list(keys: list[str] | str) -> list[str]:
    """Return *keys*; a single string is one key, not a key for each of its characters."""
    return [keys] if isinstance(keys, str) else keys
