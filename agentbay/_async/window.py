"""Windows of a session, by the names of earlier releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async import _screen_calls as calls
from agentbay._async.computer import AsyncComputer

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.computer import WindowInfoResult, WindowListResult
    from agentbay.models.results import BoolResult

__all__ = ("AsyncWindowManager",)


class AsyncWindowManager:
    """Works on the windows of one session, as :class:`AsyncComputer` does.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._computer = AsyncComputer(session)

    @property
    def session(self) -> AsyncSession:
        """The session whose windows these are."""
        return self._session

    async def list_root_windows(self, timeout_ms: int = 3000) -> WindowListResult:
        """Return the windows on the screen.

        Args:
            timeout_ms: Time that the session may take to find them, in milliseconds.
        """
        return await calls.root_windows(self._session, timeout_ms)

    async def get_active_window(self, timeout_ms: int = 3000) -> WindowInfoResult:
        """Return the window that has the focus.

        Args:
            timeout_ms: Time that the session may take to find it, in milliseconds.
        """
        return await calls.active_window(self._session, timeout_ms)

    async def activate_window(self, window_id: int) -> BoolResult:
        """Raise a window and give it the focus."""
        return await self._computer.activate_window(window_id)

    async def maximize_window(self, window_id: int) -> BoolResult:
        """Let a window fill the screen, apart from its decorations and the panels."""
        return await self._computer.maximize_window(window_id)

    async def minimize_window(self, window_id: int) -> BoolResult:
        """Iconify a window."""
        return await self._computer.minimize_window(window_id)

    async def restore_window(self, window_id: int) -> BoolResult:
        """Bring a window back from being minimised, maximised or full-screen."""
        return await self._computer.restore_window(window_id)

    async def close_window(self, window_id: int) -> BoolResult:
        """Ask a window to close."""
        return await self._computer.close_window(window_id)

    async def fullscreen_window(self, window_id: int) -> BoolResult:
        """Let a window cover the whole screen."""
        return await self._computer.fullscreen_window(window_id)

    async def resize_window(self, window_id: int, width: int, height: int) -> BoolResult:
        """Give a window another size, in pixels."""
        return await self._computer.resize_window(window_id, width, height)

    async def focus_mode(self, on: bool) -> BoolResult:
        """Keep other windows from taking the focus, or let them again."""
        return await self._computer.focus_mode(on)
