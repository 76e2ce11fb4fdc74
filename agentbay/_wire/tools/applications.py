"""The tools that work on applications, and what they answer."""

from __future__ import annotations

from attrs import frozen

from agentbay._wire.codec import WireObject
from agentbay._wire.tools.answers import read_objects
from agentbay._wire.tools.base import Tool
from agentbay.models.computer import InstalledApp, Process

__all__ = (
    "AppAnswer",
    "GetInstalledApps",
    "ListVisibleApps",
    "ProcessAnswer",
    "StartApp",
    "StopAppByCmd",
    "StopAppByPid",
    "StopAppByPname",
    "parse_processes",
)


@frozen(kw_only=True)
class AppTool(Tool):
    """Base of the tools that work on applications."""

    server = "wuying_app"


@frozen(kw_only=True)
class AppAnswer(WireObject):
    """One installed application, as tools describe it."""

    pascal_case = False

    name: str = ""
    start_cmd: str = ""
    stop_cmd: str | None = None
    work_directory: str | None = None


@frozen(kw_only=True)
class ProcessAnswer(WireObject):
    """One process of an application, as tools describe it."""

    pascal_case = False

    pname: str = ""
    pid: int = 0
    cmdline: str | None = None


def parse_processes(text: str) -> list[Process]:
    """Return the processes in *text*.

    Raises:
        ValueError: it is not JSON.
        ProtocolError: it says something else.
    """
    found = read_objects(text, ProcessAnswer, "The processes")
    return [Process(process.pname, process.pid, process.cmdline) for process in found]


@frozen(kw_only=True)
class GetInstalledApps(AppTool):
    """Return the installed applications, as a JSON array."""

    tool_name = "get_installed_apps"
    also_read = {"ignore_system_apps": "ignore_system_app"}

    start_menu: bool = True
    desktop: bool = False
    ignore_system_app: bool = True

    @staticmethod
    def parse(text: str) -> list[InstalledApp]:
        """Return the applications in *text*.

        Raises:
            ValueError: it is not JSON.
            ProtocolError: it says something else.
        """
        found = read_objects(text, AppAnswer, "The applications")
        return [
            InstalledApp(app.name, app.start_cmd, app.stop_cmd, app.work_directory) for app in found
        ]


@frozen(kw_only=True)
class StartApp(AppTool):
    """Start an application and return its processes, as a JSON array."""

    tool_name = "start_app"

    start_cmd: str
    work_directory: str | None = None
    activity: str | None = None
    """For Android only."""


@frozen(kw_only=True)
class ListVisibleApps(AppTool):
    """Return the processes that own a visible window, as a JSON array."""

    tool_name = "list_visible_apps"


@frozen(kw_only=True)
class StopAppByPname(AppTool):
    """Stop all processes of a name."""

    tool_name = "stop_app_by_pname"

    pname: str


@frozen(kw_only=True)
class StopAppByPid(AppTool):
    """Stop one process."""

    tool_name = "stop_app_by_pid"

    pid: int


@frozen(kw_only=True)
class StopAppByCmd(AppTool):
    """Stop an application by its own command for that; on Android by the name of its package."""

    tool_name = "stop_app_by_cmd"

    stop_cmd: str
