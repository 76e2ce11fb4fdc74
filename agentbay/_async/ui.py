"""What is on the screen of a session, by the names of earlier releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentbay._async import _screen_calls as calls
from agentbay._async.mobile import AsyncMobile
from agentbay._wire.tools.desktop import Click
from agentbay._wire.tools.mobile import GetAllUiElements

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.mobile import UIElementListResult
    from agentbay.models.results import BoolResult, OperationResult

__all__ = ("AsyncUI",)


class AsyncUI:
    """Touches and reads the screen of one session, as :class:`AsyncMobile` does.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._mobile = AsyncMobile(session)

    @property
    def session(self) -> AsyncSession:
        """The session whose screen this is."""
        return self._session

    async def get_clickable_ui_elements(self, timeout_ms: int = 2000) -> UIElementListResult:
        """Return what can be clicked.

        Args:
            timeout_ms: Time that the session may take to find it, in milliseconds.
        """
        return await self._mobile.get_clickable_ui_elements(timeout_ms)

    async def get_all_ui_elements(self, timeout_ms: int = 2000) -> UIElementListResult:
        """Return the trees of all elements.

        Args:
            timeout_ms: Time that the session may take to find them, in milliseconds.
        """
        tool = GetAllUiElements(timeout_ms=timeout_ms, format=None)
        return await calls.element_trees(self._session, tool)

    async def send_key(self, key: int) -> BoolResult:
        """Press a key.

        Args:
            key: Its Android key code, see ``KeyCode``.
        """
        return await self._mobile.send_key(key)

    async def input_text(self, text: str) -> BoolResult:
        """Type text into what has the focus."""
        return await self._mobile.input_text(text)

    async def swipe(
        self, start_x: int, start_y: int, end_x: int, end_y: int, duration_ms: int = 300
    ) -> BoolResult:
        """Swipe from one point of the screen to another, within milliseconds."""
        return await self._mobile.swipe(start_x, start_y, end_x, end_y, duration_ms)

    async def click(self, x: int, y: int, button: str = "left") -> BoolResult:
        """Click at a point of the screen.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
            button: A button that the session knows.
        """
        pressed: Any = button
        return await calls.act(self._session, Click(x=x, y=y, button=pressed), "perform click")

    async def screenshot(self) -> OperationResult[str]:
        """Take a picture of the screen; return the URL of a PNG file."""
        return await calls.screenshot_url(self._session)
