"""The browser of a session."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Literal

from agentbay._async import _pages as pages
from agentbay._async._browser_notices import Notices
from agentbay._async._deprecation import warn_renamed
from agentbay._async.browser_operator import AsyncBrowserOperator
from agentbay._wire.actions.browser import GetCdpLink, InitBrowser
from agentbay._wire.tools.browser import StopChrome
from agentbay.errors import AgentBayError, BrowserError, ScreenshotError
from agentbay.models.browser import BrowserOption
from agentbay.models.browser_context import BROWSER_DATA_PATH
from agentbay.models.browser_notices import BrowserNotifyMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from agentbay._async.session import AsyncSession
    from agentbay.models.browser_page import BrowserPage

__all__ = ("AsyncBrowser",)

logger = logging.getLogger("agentbay.browser")

BEHAVIOR_VARIABLE = "AGENTBAY_BROWSER_BEHAVIOR_SIMULATE"
NOT_INITIALIZED = "Browser is not initialized."


class AsyncBrowser:
    """Starts and stops the browser of one session, and says where it can be driven.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._option: BrowserOption | None = None
        self._port: int | None = None
        self._notices = Notices(session)
        self._operator = AsyncBrowserOperator(session, self)

    @property
    def session(self) -> AsyncSession:
        """The session that the browser belongs to."""
        return self._session

    @property
    def operator(self) -> AsyncBrowserOperator:
        """Works on the pages as it is told, in words."""
        return self._operator

    @property
    def agent(self) -> AsyncBrowserOperator:
        """Deprecated name of :attr:`operator`."""
        warn_renamed("browser.agent", "browser.operator")
        return self._operator

    @property
    def endpoint_router_port(self) -> int | None:
        """The port behind which the browser listens; ``None`` unless it is initialized."""
        return self._port

    def is_initialized(self) -> bool:
        """Return whether the browser was started by this object."""
        return self._port is not None

    def get_option(self) -> BrowserOption | None:
        """Return how the browser was started; ``None`` unless it is initialized."""
        return self._option

    async def initialize(self, option: BrowserOption | None = None) -> bool:
        """Start the browser; do nothing if that was done already.

        Failures are logged, never raised.

        Args:
            option: How; with all defaults when ``None``.

        Returns:
            Whether the browser runs.
        """
        if self.is_initialized():
            return True
        option = BrowserOption() if option is None else option
        request = InitBrowser(
            session_id=self._session.session_id,
            persistent_path=BROWSER_DATA_PATH,
            browser_option=self._started_with(option),
        )
        try:
            reply = await self._session._rpc.call(request)
        except AgentBayError as exc:
            logger.warning("The browser of %s did not start: %s", self._session.session_id, exc)
            return False
        self._port = reply.data.port if reply.data is not None else None
        if self._port is None:
            why = reply.message or reply.code or "it has no port"
            logger.warning("The browser of %s did not start: %s", self._session.session_id, why)
            return False
        self._option = option
        return True

    init = initialize

    def _started_with(self, option: BrowserOption) -> dict[str, Any]:
        settings = option.to_dict()
        simulate = os.environ.get(BEHAVIOR_VARIABLE)
        if simulate:
            settings["behaviorSimulate"] = simulate != "0"
        if self._session.enable_browser_replay is not None:
            settings["enableRecord"] = self._session.enable_browser_replay
        return settings

    async def get_endpoint_url(self) -> str:
        """Ask where the browser can be driven.

        The URL, for Playwright's ``connect_over_cdp`` and the like, lets in whoever has it.

        Raises:
            BrowserError: the browser is not initialized, or the service could not say.
        """
        if not self.is_initialized():
            raise BrowserError(f"{NOT_INITIALIZED} Cannot access endpoint URL.")
        session = self._session
        if session.is_vpc and session.network_interface_ip:
            return f"ws://{session.network_interface_ip}:{self._port}"
        problem = "Failed to get endpoint URL from session"
        try:
            reply = await session._rpc.call(GetCdpLink(session_id=session.session_id))
        except AgentBayError as exc:
            raise BrowserError(f"{problem}: {exc}") from exc
        if reply.refusal is not None or reply.data is None or not reply.data.url:
            why = reply.message or "Unknown error"
            raise BrowserError(f"{problem}: Failed to get CDP link: {why}") from reply.refusal
        return reply.data.url

    async def destroy(self) -> None:
        """Stop the browser, which can be initialized again.

        What the service says to it does not matter: the browser counts as stopped.

        Raises:
            BrowserError: the browser is not initialized.
        """
        if not self.is_initialized():
            raise BrowserError(f"{NOT_INITIALIZED} Cannot stop browser.")
        try:
            await self._session.call_mcp_tool(StopChrome.tool_name, StopChrome().arguments())
        finally:
            self._port = self._option = None

    async def screenshot(
        self,
        page: BrowserPage,
        full_page: bool = False,
        *,
        type: Literal["png", "jpeg"] = "png",  # noqa: A002 - the name that Playwright gave it
        quality: int | None = None,
        omit_background: bool | None = None,
        clip: Mapping[str, float] | None = None,
        animations: Literal["allow", "disabled"] = "disabled",
        caret: Literal["hide", "initial"] = "hide",
        scale: Literal["css", "device"] = "css",
        mask: Sequence[Any] | None = None,
        mask_color: str | None = None,
        style: str | None = None,
        path: str | None = None,
        timeout: float = 60000,
    ) -> bytes:
        """Take a picture of a page after making everything in it load.

        It scrolls to the end of the page, also if that grows meanwhile, loads images that would
        load later, and leaves the page 1920 pixels wide and as high as its content. All that is
        done by Playwright here, with no help of the service.

        Args:
            page: A page of Playwright: of its asynchronous API with the asynchronous client, of its
                blocking API with the blocking client.
            full_page: Capture all of it, not only what the window shows.
            type: Of the picture.
            quality: Of a JPEG picture, from 0 to 100.
            omit_background: Leave the background transparent.
            clip: Capture only this part: ``x``, ``y``, ``width``, ``height``.
            animations: Whether they go on.
            caret: Whether the text cursor is hidden.
            scale: One pixel per pixel of the page, or of the device.
            mask: Elements to hide.
            mask_color: What with.
            style: More style rules, in CSS.
            path: File in which to store the picture as well.
            timeout: Milliseconds for the picture alone.

        Raises:
            BrowserError: the browser is not initialized.
            ValueError: there is no page.
            ScreenshotError: it failed.
        """
        if not self.is_initialized():
            raise BrowserError("Browser must be initialized before calling screenshot.")
        if page is None:
            raise ValueError("Page cannot be None")
        options = {
            "animations": animations,
            "caret": caret,
            "scale": scale,
            "timeout": timeout,
            "type": type,
            "full_page": full_page,
            "quality": quality,
            "omit_background": omit_background,
            "clip": None if clip is None else dict(clip),
            "mask": mask,
            "mask_color": mask_color,
            "style": style,
            "path": path,
        }
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return await pages.capture(page, given)
        except Exception as exc:
            # The page is an object of another library, with exceptions of its own.
            raise ScreenshotError(f"Failed to capture screenshot: {exc}") from exc

    async def register_callback(
        self, callback: Callable[[BrowserNotifyMessage], Awaitable[None] | None]
    ) -> bool:
        """Have *callback* told of the browser's notices, instead of any earlier one.

        Notices wait for each other. Those that come while the connection is lost are lost with it.

        Args:
            callback: A function or coroutine function. What it raises is logged.

        Returns:
            Whether the session can tell; if not, the reason is logged.
        """
        try:
            await self._notices.listen(callback)
        except AgentBayError as exc:
            logger.warning("No notices from %s: %s", self._session.session_id, exc)
            return False
        return True

    async def unregister_callback(self) -> None:
        """Stop telling of notices."""
        self._notices.stop()

    async def send_notify_message(self, notify_message: BrowserNotifyMessage) -> bool:
        """Send a notice to the browser.

        Returns:
            Whether it was sent; if not, the reason is logged.
        """
        try:
            await self._notices.send(notify_message)
        except AgentBayError as exc:
            logger.warning("No notice to %s: %s", self._session.session_id, exc)
            return False
        return True

    async def send_takeover_done(self, notify_id: int) -> bool:
        """Tell the browser that a human has done what it asked for.

        Args:
            notify_id: Id of the notice that asked.

        Returns:
            Whether it was sent; if not, the reason is logged.
        """
        return await self.send_notify_message(BrowserNotifyMessage.takeover_done(notify_id))
