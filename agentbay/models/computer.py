"""Desktops: buttons, windows, applications and processes."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from agentbay.errors import RemoteOperationError
from agentbay.models.results import ApiResponse, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

# Without Process: `agentbay.Process` is a program that a session runs.
__all__ = (
    "AppOperationResult",
    "InstalledApp",
    "InstalledAppListResult",
    "MouseButton",
    "ProcessListResult",
    "ScrollDirection",
    "Window",
    "WindowInfoResult",
    "WindowListResult",
)


class MouseButton(str, Enum):
    """The buttons of a mouse, and the double click of the left one."""

    LEFT = "left"
    RIGHT = "right"
    MIDDLE = "middle"
    DOUBLE_LEFT = "double_left"


class ScrollDirection(str, Enum):
    """Where a mouse wheel can turn."""

    UP = "up"
    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"


def _windows(found: Sequence[Window] | None) -> list[Window]:
    return list(found or ())


@frozen
class Window:
    """One window; what the session did not tell is ``None``.

    Attributes:
        window_id: What the window methods take.
        title: The text in its title bar.
        absolute_upper_left_x: Distance from the left edge of the screen, in pixels.
        absolute_upper_left_y: Distance from the upper edge of the screen, in pixels.
        width: Its width in pixels.
        height: Its height in pixels.
        pid: The process that owns it.
        pname: The name of that process.
        child_windows: The windows inside it.
    """

    window_id: int
    title: str
    absolute_upper_left_x: int | None = None
    absolute_upper_left_y: int | None = None
    width: int | None = None
    height: int | None = None
    pid: int | None = None
    pname: str | None = None
    child_windows: list[Window] = field(default=None, converter=_windows)


@define
class WindowListResult(ApiResponse, Outcome):
    """The windows on a screen."""

    error_class = RemoteOperationError

    success: bool = False
    windows: list[Window] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[Window]:
        """Return the windows, or raise the error of a failed result."""
        self.raise_for_error()
        return self.windows


@define
class WindowInfoResult(ApiResponse, Outcome):
    """One window of a screen; a successful result without one means that there is none."""

    error_class = RemoteOperationError

    success: bool = False
    window: Window | None = None
    error_message: str = ""

    def unwrap(self) -> Window | None:
        """Return the window, or raise the error of a failed result."""
        self.raise_for_error()
        return self.window


@frozen
class InstalledApp:
    """One application that can be started.

    Attributes:
        name: What people call it.
        start_cmd: What ``start_app`` takes.
        stop_cmd: What ``stop_app_by_cmd`` takes, where the application has such a command.
        work_directory: The directory in which it wants to be started.
    """

    name: str
    start_cmd: str
    stop_cmd: str | None = None
    work_directory: str | None = None


@frozen
class Process:
    """One process of an application.

    Attributes:
        pname: Its name.
        pid: Its id.
        cmdline: The command that started it, where the session told.
    """

    pname: str
    pid: int
    cmdline: str | None = None


@define
class InstalledAppListResult(ApiResponse, Outcome):
    """The applications of a session."""

    error_class = RemoteOperationError

    success: bool = False
    data: list[InstalledApp] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[InstalledApp]:
        """Return the applications, or raise the error of a failed result."""
        self.raise_for_error()
        return self.data


@define
class ProcessListResult(ApiResponse, Outcome):
    """Processes of applications."""

    error_class = RemoteOperationError

    success: bool = False
    data: list[Process] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[Process]:
        """Return the processes, or raise the error of a failed result."""
        self.raise_for_error()
        return self.data


@define
class AppOperationResult(ApiResponse, Outcome):
    """Whether something was done to an application."""

    error_class = RemoteOperationError

    success: bool = False
    error_message: str = ""

    def unwrap(self) -> None:
        """Return nothing, or raise the error of a failed result."""
        self.raise_for_error()
