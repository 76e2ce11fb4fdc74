"""The phone of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async import _mobile_settings as settings
from agentbay._async import _screen_calls as calls
from agentbay._wire.actions.browser import GetAdbLink
from agentbay._wire.tools.applications import StopAppByCmd
from agentbay._wire.tools.capture import LongScreenshot
from agentbay._wire.tools.desktop import InputText
from agentbay._wire.tools.mobile import GetAllUiElements, SendKey, Swipe, Tap
from agentbay.errors import AgentBayError
from agentbay.models.mobile import AdbUrlResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.computer import (
        AppOperationResult,
        InstalledAppListResult,
        ProcessListResult,
    )
    from agentbay.models.extra_configs import MobileExtraConfig
    from agentbay.models.mobile import UIElementListResult
    from agentbay.models.results import BoolResult, OperationResult
    from agentbay.models.screenshots import ScreenshotResult

__all__ = ("AsyncMobile",)

MISMATCH = "Decoded image does not match expected format"
MAX_SCREENS = range(2, 11)
QUALITIES = range(1, 101)


class AsyncMobile:
    """Touches, reads and configures the phone of one session.

    Coordinates are pixels of the screen, counted from its upper left corner. Failures are
    results, whatever their cause, unless a method says something else.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session whose phone this is."""
        return self._session

    async def tap(self, x: int, y: int) -> BoolResult:
        """Tap a point of the screen.

        Args:
            x: Pixels from the left.
            y: Pixels from the top.
        """
        return await calls.act(self._session, Tap(x=x, y=y), "tap")

    async def swipe(
        self, start_x: int, start_y: int, end_x: int, end_y: int, duration_ms: int = 300
    ) -> BoolResult:
        """Swipe from one point of the screen to another.

        Args:
            start_x: Where to begin, in pixels from the left.
            start_y: Where to begin, in pixels from the top.
            end_x: Where to end, in pixels from the left.
            end_y: Where to end, in pixels from the top.
            duration_ms: How long the finger takes, in milliseconds.
        """
        tool = Swipe(
            start_x=start_x, start_y=start_y, end_x=end_x, end_y=end_y, duration_ms=duration_ms
        )
        return await calls.act(self._session, tool, "perform swipe")

    async def input_text(self, text: str) -> BoolResult:
        """Type text into what has the focus."""
        return await calls.act(self._session, InputText(text=text), "input text")

    async def send_key(self, key: int) -> BoolResult:
        """Press a key.

        Args:
            key: Its Android key code, see ``KeyCode``.
        """
        return await calls.act(self._session, SendKey(key=key), "send key")

    async def get_clickable_ui_elements(self, timeout_ms: int = 2000) -> UIElementListResult:
        """Return what can be clicked, as the session describes it.

        Args:
            timeout_ms: Time that the session may take to find it, in milliseconds.
        """
        return await calls.clickable_elements(self._session, timeout_ms)

    async def get_all_ui_elements(
        self,
        timeout_ms: int = 2000,
        format: str = "json",  # noqa: A002 - the documented name
    ) -> UIElementListResult:
        """Return the trees of all elements.

        Args:
            timeout_ms: Time that the session may take to find them, in milliseconds.
            format: ``json``, or ``xml`` for a document, which is only in the result's ``raw``.
        """
        wanted = str(format or "").strip().lower() or "json"
        tool = GetAllUiElements(timeout_ms=timeout_ms, format=wanted)
        if wanted == "json":
            return await calls.element_trees(self._session, tool)
        problem = f"Unsupported UI elements format: '{format}'. Supported values: 'json', 'xml'."
        return await calls.element_document(self._session, tool, "" if wanted == "xml" else problem)

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
            self._session, format, doing="Failed to take screenshot", mismatch=MISMATCH
        )

    async def beta_take_long_screenshot(
        self,
        max_screens: int = 4,
        format: str = "png",  # noqa: A002 - the documented name
        quality: int | None = None,
    ) -> ScreenshotResult:
        """Scroll through what is shown; return the bytes of one long picture of it.

        Args:
            max_screens: How many screens to scroll at most, from 2 to 10.
            format: ``png``, ``jpeg`` or ``jpg``.
            quality: Of a JPEG, from 1 to 100; the session chooses when ``None``.

        Raises:
            AgentBayError: there is no picture, for example because the screen has an unusual size.
            ValueError: an argument is out of range.
        """
        wanted = calls.image_format(format)
        if type(max_screens) is not int or max_screens not in MAX_SCREENS:
            raise ValueError("Invalid max_screens: must be an integer in [2, 10]")
        if quality is not None and (type(quality) is not int or quality not in QUALITIES):
            raise ValueError("Invalid quality: must be an integer in [1, 100]")
        return await calls.picture(
            self._session,
            LongScreenshot(max_screens=max_screens, format=wanted, quality=quality),
            doing="Failed to take long screenshot",
            mismatch=MISMATCH,
        )

    async def get_installed_apps(
        self, start_menu: bool, desktop: bool, ignore_system_apps: bool
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
            start_cmd: The command line, of the form ``monkey -p <package> 1``.
            work_directory: Directory to run in.
            activity: The activity to show, for example ``.SettingsActivity``.
        """
        return await calls.start_app(self._session, start_cmd, work_directory, activity)

    async def stop_app_by_cmd(self, stop_cmd: str) -> AppOperationResult:
        """Stop an application.

        Args:
            stop_cmd: The name of its package.
        """
        return await calls.operate(self._session, StopAppByCmd(stop_cmd=stop_cmd), "stop app")

    async def get_adb_url(self, adbkey_pub: str) -> AdbUrlResult:
        """Ask how the debug bridge of the phone is reached.

        Args:
            adbkey_pub: The public key to be let in, the content of ``adbkey.pub``.

        Returns:
            A command of the form ``adb connect <ip>:<port>``, or why there is none.
        """
        request = GetAdbLink(session_id=self._session.session_id, option={"adbkey_pub": adbkey_pub})
        try:
            reply = await self._session._rpc.call(request)
        except AgentBayError as exc:
            return AdbUrlResult.failure(f"Failed to get ADB URL: {exc}", exc)
        if reply.refusal is not None or reply.data is None or not reply.data.url:
            message = reply.refusal.detail if reply.refusal is not None else ""
            return AdbUrlResult.failure(
                message or "Unknown error", reply.refusal, request_id=reply.request_id, data=""
            )
        return AdbUrlResult(reply.request_id, True, data=reply.data.url)

    async def configure(self, mobile_config: MobileExtraConfig) -> None:
        """Apply settings to the phone; what cannot be applied is logged, not raised.

        Creating a session with these settings does that already.

        Args:
            mobile_config: The settings; the imitation of another device is not one of them.
        """
        await settings.configure(self._session, mobile_config)

    async def set_resolution_lock(self, enable: bool) -> None:
        """Keep the resolution of the screen fixed, or let it change; failures are logged."""
        await settings.lock_resolution(self._session, enable)

    async def set_app_whitelist(self, package_names: list[str]) -> None:
        """Let only these apps run; failures are logged.

        Args:
            package_names: Names of packages; nothing happens if there are none.
        """
        await settings.allow_apps(self._session, package_names)

    async def set_app_blacklist(self, package_names: list[str]) -> None:
        """Let these apps not run; failures are logged.

        Args:
            package_names: Names of packages; nothing happens if there are none.
        """
        await settings.forbid_apps(self._session, package_names)

    async def set_navigation_bar_visibility(self, hide: bool) -> None:
        """Hide the navigation bar, or show it; failures are logged."""
        await settings.hide_navigation_bar(self._session, hide)

    async def set_uninstall_blacklist(self, package_names: list[str]) -> None:
        """Keep these apps from being uninstalled; failures are logged.

        Args:
            package_names: Names of packages; nothing happens if there are none.
        """
        await settings.keep_apps(self._session, package_names)
