"""What desktops and phones have in common: tools that do something, and tools that answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from agentbay._wire.tools.applications import GetInstalledApps, StartApp, parse_processes
from agentbay._wire.tools.capture import (
    LongScreenshot,
    Screenshot,
    ScreenshotAnswer,
    SystemScreenshot,
)
from agentbay._wire.tools.mobile import GetClickableUiElements
from agentbay._wire.tools.windows import GetActiveWindow, ListRootWindows
from agentbay.errors import AgentBayError, ProtocolError
from agentbay.models.computer import (
    AppOperationResult,
    InstalledAppListResult,
    ProcessListResult,
    WindowInfoResult,
    WindowListResult,
)
from agentbay.models.mobile import UIElementListResult
from agentbay.models.results import BoolResult, OperationResult, Outcome
from agentbay.models.screenshots import ScreenshotResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentbay._async.session import AsyncSession
    from agentbay._wire.tools.base import Tool
    from agentbay._wire.tools.mobile import GetAllUiElements
    from agentbay.models.session import McpToolResult

ResultT = TypeVar("ResultT", bound=Outcome)

NO_SCREENSHOT = (
    "This cloud environment does not support `screenshot()`. "
    "Please use `beta_take_screenshot()` instead."
)
NO_BETA_SCREENSHOT = (
    "This cloud environment does not support `beta_take_screenshot()`. "
    "Please use `screenshot()` instead."
)
FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg"}


async def send(session: AsyncSession, tool: Tool) -> McpToolResult:
    """Call *tool*."""
    return await session.call_mcp_tool(tool.tool_name, tool.arguments())


async def act(session: AsyncSession, tool: Tool, doing: str) -> BoolResult:
    """Call a tool that does something; *doing* says what, should the tool fail wordlessly."""
    answer = await send(session, tool)
    if not answer.success:
        return failed(BoolResult, answer, doing)
    return BoolResult(answer.request_id, True, True)


async def operate(session: AsyncSession, tool: Tool, doing: str) -> AppOperationResult:
    """Call a tool that does something to an application."""
    answer = await send(session, tool)
    if not answer.success:
        return failed(AppOperationResult, answer, doing)
    return AppOperationResult(answer.request_id, True)


async def ask(
    session: AsyncSession,
    tool: Tool,
    result: type[ResultT],
    parse: Callable[[str], Any],
    *,
    doing: str,
    noun: str = "",
) -> ResultT:
    """Call a tool that answers, and return its answer as a *result*.

    Args:
        session: The session.
        tool: The tool.
        result: A class whose third field is the answer.
        parse: Reads the tool's text.
        doing: What is done, for messages.
        noun: What the text should have been, for messages.
    """
    answer = await send(session, tool)
    return read(answer, result, parse, doing=doing, noun=noun)


def read(
    answer: McpToolResult,
    result: type[ResultT],
    parse: Callable[[str], Any],
    *,
    doing: str,
    noun: str = "",
) -> ResultT:
    """Return the *answer* of a tool as a *result*; the arguments are those of :func:`ask`."""
    if not answer.success:
        return failed(result, answer, doing)
    try:
        value = parse(answer.data)
    except ValueError as exc:
        message = f"Failed to parse {noun}: {exc}"
        return result.failure(message, ProtocolError(message), request_id=answer.request_id)
    except ProtocolError as exc:
        return result.failure(f"Failed to {doing}: {exc}", exc, request_id=answer.request_id)
    return cast("Callable[..., ResultT]", result)(answer.request_id, True, value)


def failed(result: type[ResultT], answer: McpToolResult, doing: str) -> ResultT:
    """Return the failed *result* that says what the failed *answer* of a tool says."""
    message = answer.error_message or f"Failed to {doing}"
    return result.failure(message, answer.exception, request_id=answer.request_id)


async def root_windows(session: AsyncSession, timeout_ms: int) -> WindowListResult:
    """Ask for all windows."""
    return await ask(
        session,
        ListRootWindows(timeout_ms=timeout_ms),
        WindowListResult,
        ListRootWindows.parse,
        doing="list root windows",
        noun="windows JSON",
    )


async def active_window(session: AsyncSession, timeout_ms: int | None = None) -> WindowInfoResult:
    """Ask for the window that has the focus."""
    return await ask(
        session,
        GetActiveWindow(timeout_ms=timeout_ms),
        WindowInfoResult,
        GetActiveWindow.parse,
        doing="get active window",
        noun="window JSON",
    )


async def installed_apps(
    session: AsyncSession, start_menu: bool, desktop: bool, ignore_system_apps: bool
) -> InstalledAppListResult:
    """Ask which applications there are."""
    return await ask(
        session,
        GetInstalledApps(
            start_menu=start_menu, desktop=desktop, ignore_system_app=ignore_system_apps
        ),
        InstalledAppListResult,
        GetInstalledApps.parse,
        doing="get installed apps",
        noun="applications JSON",
    )


async def processes(session: AsyncSession, tool: Tool, doing: str) -> ProcessListResult:
    """Call a tool that answers with processes."""
    return await ask(
        session, tool, ProcessListResult, parse_processes, doing=doing, noun="processes JSON"
    )


async def start_app(
    session: AsyncSession, start_cmd: str, work_directory: str, activity: str
) -> ProcessListResult:
    """Start an application."""
    tool = StartApp(
        start_cmd=start_cmd, work_directory=work_directory or None, activity=activity or None
    )
    return await processes(session, tool, "start app")


async def clickable_elements(session: AsyncSession, timeout_ms: int) -> UIElementListResult:
    """Ask what can be clicked."""
    tool = GetClickableUiElements(timeout_ms=timeout_ms)
    answer = await send(session, tool)
    doing, noun = "get clickable UI elements", "clickable UI elements data"
    found = read(answer, UIElementListResult, tool.parse, doing=doing, noun=noun)
    return attrs.evolve(found, raw=answer.data)


async def element_trees(session: AsyncSession, tool: GetAllUiElements) -> UIElementListResult:
    """Ask for all elements, in JSON."""
    answer = await send(session, tool)
    doing, noun = "get all UI elements", "UI elements data"
    found = read(answer, UIElementListResult, tool.parse, doing=doing, noun=noun)
    return attrs.evolve(found, raw=answer.data)


async def element_document(
    session: AsyncSession, tool: GetAllUiElements, problem: str
) -> UIElementListResult:
    """Ask for all elements in a format that is not read here; *problem* says why it fails."""
    answer = await send(session, tool)
    if not answer.success:
        return failed(UIElementListResult, answer, "get all UI elements")
    if problem:
        return UIElementListResult.failure(problem, raw=answer.data, request_id=answer.request_id)
    return UIElementListResult(answer.request_id, True, raw=answer.data, format="xml")


async def screenshot_url(session: AsyncSession) -> OperationResult[str]:
    """Take a picture that can be fetched from a URL."""
    tool = SystemScreenshot()
    return await ask(session, tool, OperationResult, tool.parse, doing="take screenshot")


async def screenshot_url_without_link(session: AsyncSession) -> OperationResult[str]:
    """Do the same, in sessions that can: those without a direct route."""
    if session.link_url:
        return OperationResult.failure(NO_SCREENSHOT)
    return await screenshot_url(session)


def image_format(given: object) -> Any:
    """Return ``png`` or ``jpeg`` for any usual spelling of them.

    Raises:
        ValueError: it is something else.
    """
    found = FORMATS.get(given.strip().lower()) if isinstance(given, str) else None
    if found is None:
        raise ValueError("Invalid format: must be 'png', 'jpeg', or 'jpg'")
    return found


async def take_screenshot(
    session: AsyncSession, given_format: str, *, doing: str, mismatch: str
) -> ScreenshotResult:
    """Take a picture that comes back as bytes.

    Args:
        session: The session.
        given_format: ``png``, ``jpeg`` or ``jpg``.
        doing: Begins the message when the tool fails.
        mismatch: The message for a picture in another format; ``{}`` stands for the wanted one.

    Raises:
        AgentBayError: there is no picture.
        ValueError: the format is none of the above.
    """
    if not session.link_url:
        raise AgentBayError(NO_BETA_SCREENSHOT)
    wanted = image_format(given_format)
    return await picture(
        session, Screenshot(format=wanted), doing=doing, mismatch=mismatch.format(wanted)
    )


async def picture(
    session: AsyncSession, tool: Screenshot | LongScreenshot, *, doing: str, mismatch: str
) -> ScreenshotResult:
    """Call a tool that answers with a picture.

    Raises:
        AgentBayError: there is no picture.
    """
    answer = await send(session, tool)
    if not answer.success:
        raise AgentBayError(f"{doing}: {answer.error_message}") from answer.exception
    found = ScreenshotAnswer.from_text(answer.data, tool.format, mismatch)
    return ScreenshotResult(
        answer.request_id,
        True,
        type=found.type,
        data=found.data,
        mime_type=found.mime_type,
        width=found.width,
        height=found.height,
    )
