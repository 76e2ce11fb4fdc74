"""Applications of a session, by the names of earlier releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async.computer import AsyncComputer

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.computer import (
        AppOperationResult,
        InstalledAppListResult,
        ProcessListResult,
    )

__all__ = ("AsyncApplicationManager",)


class AsyncApplicationManager:
    """Starts and stops the applications of one session, as :class:`AsyncComputer` does.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._computer = AsyncComputer(session)

    @property
    def session(self) -> AsyncSession:
        """The session whose applications these are."""
        return self._computer.session

    async def get_installed_apps(
        self, start_menu: bool, desktop: bool, ignore_system_apps: bool
    ) -> InstalledAppListResult:
        """Return the installed applications.

        Args:
            start_menu: Include what is in the start menu.
            desktop: Include what is on the desktop.
            ignore_system_apps: Leave the system's own applications out.
        """
        return await self._computer.get_installed_apps(start_menu, desktop, ignore_system_apps)

    async def start_app(
        self, start_cmd: str, work_directory: str = "", activity: str = ""
    ) -> ProcessListResult:
        """Start an application; return its processes.

        Args:
            start_cmd: The command line, for example the ``start_cmd`` of an installed application.
            work_directory: Directory to run in.
            activity: The activity to show, for Android only.
        """
        return await self._computer.start_app(start_cmd, work_directory, activity)

    async def list_visible_apps(self) -> ProcessListResult:
        """Return the processes that own a visible window."""
        return await self._computer.list_visible_apps()

    async def stop_app_by_pname(self, pname: str) -> AppOperationResult:
        """Stop all processes of exactly this name."""
        return await self._computer.stop_app_by_pname(pname)

    async def stop_app_by_pid(self, pid: int) -> AppOperationResult:
        """Stop one process."""
        return await self._computer.stop_app_by_pid(pid)

    async def stop_app_by_cmd(self, stop_cmd: str) -> AppOperationResult:
        """Stop an application by its ``stop_cmd``."""
        return await self._computer.stop_app_by_cmd(stop_cmd)
