"""The operator of a browser's pages, which is told in words what to do."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from agentbay._async import _pages as pages
from agentbay._async._failures import is_lasting
from agentbay._async._lifetime import poll
from agentbay._wire.tools.answers import load_bounded
from agentbay._wire.tools.browser import (
    PageUseActAsync,
    PageUseCloseSession,
    PageUseExtractAsync,
    PageUseGetActResult,
    PageUseGetExtractResult,
    PageUseGetObserveResult,
    PageUseLogin,
    PageUseNavigate,
    PageUseObserveAsync,
    PageUseScreenshot,
)
from agentbay._wire.tools.browser_answers import (
    ActAnswer,
    ObservedElement,
    StartedTask,
    action_text,
    schema_text,
)
from agentbay.errors import BrowserError
from agentbay.models.browser_operator import (
    ActOptions,
    ActResult,
    ExtractOptions,
    ModelClass,
    ObserveOptions,
    ObserveResult,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agentbay._async.browser import AsyncBrowser
    from agentbay._async.session import AsyncSession
    from agentbay._wire.tools.base import Tool
    from agentbay.models.browser_page import BrowserPage
    from agentbay.models.session import McpToolResult

__all__ = ("AsyncBrowserOperator",)

ModelT = TypeVar("ModelT", bound=ModelClass)
T = TypeVar("T")

CALL_TIMEOUT = 60.0
TASK_TIMEOUT = 300


class AsyncBrowserOperator:
    """Works on the pages of a session's browser as it is told, in words.

    Pages are Playwright's, of its asynchronous API with the asynchronous client and of its blocking
    API with the blocking one; the page that is open by default where none is given.

    Args:
        session: The session.
        browser: Its browser.
        poll_interval: Longest time between two looks at the state of a task, in seconds.
    """

    def __init__(
        self, session: AsyncSession, browser: AsyncBrowser, poll_interval: float = 3.0
    ) -> None:
        self._session = session
        self._browser = browser
        self._poll_interval = poll_interval

    async def navigate(self, url: str) -> str:
        """Open *url* in the current page.

        Returns:
            What the operator says; a text that begins with ``Navigation failed:`` if it failed.

        Raises:
            BrowserError: the browser is not initialized.
        """
        self._check_initialized("navigate")
        with _failing("navigate"):
            answer = await self._call(PageUseNavigate(url=url))
        return answer.data if answer.success else f"Navigation failed: {answer.error_message}"

    async def screenshot(
        self,
        page: BrowserPage | None = None,
        full_page: bool = True,
        quality: int = 80,
        clip: Mapping[str, float] | None = None,
        timeout: int | None = None,
    ) -> str:
        """Take a picture of a page.

        Args:
            page: The page.
            full_page: Capture all of it, not only what the window shows.
            quality: Of a JPEG picture, from 0 to 100.
            clip: Capture only this part: ``x``, ``y``, ``width``, ``height``.
            timeout: Passed on to the service as it is.

        Returns:
            A data URL; a text that begins with ``Screenshot failed:`` if it failed.

        Raises:
            BrowserError: the browser is not initialized, or the page is not one of its pages.
        """
        self._check_initialized("screenshot")
        with _failing("call screenshot"):
            tool = PageUseScreenshot(
                **await _place(page),
                full_page=full_page,
                quality=quality,
                clip=None if clip is None else dict(clip),
                timeout=timeout,
            )
            answer = await self._call(tool)
        return answer.data if answer.success else f"Screenshot failed: {answer.error_message}"

    async def close(self) -> bool:
        """End the work of the operator.

        Returns:
            Whether the service did so.
        """
        with _failing("call close"):
            return (await self._call(PageUseCloseSession())).success

    async def act(
        self, action_input: ObserveResult | ActOptions, page: BrowserPage | None = None
    ) -> ActResult:
        """Do something on a page, and wait until it is done.

        Args:
            action_input: What, in words, or an element that ``observe`` has found.
            page: The page.

        Returns:
            Whether it was done, and what.

        Raises:
            BrowserError: it could not be begun, or was not done in time; what has begun goes on.
        """
        self._check_initialized("act")
        with _failing("act"):
            if isinstance(action_input, ObserveResult):
                name = action_input.method
                options = ActOptions(action_text(name, action_input.arguments))
            else:
                name, options = action_input.action, action_input
            tool = PageUseActAsync(
                **await _place(page),
                action=options.action,
                variables=options.variables,
                use_vision=options.use_vision,
                timeout=options.timeout,
                trace_id=uuid.uuid4().hex,
            )
            task_id = await self._start(tool, "Failed to start act task")
            found = await self._finish(
                PageUseGetActResult(task_id=task_id),
                _finished_act,
                options.timeout,
                f"Task {task_id}:{name} timeout after",
            )
            return ActResult(found.success, found.message)

    async def observe(
        self, options: ObserveOptions, page: BrowserPage | None = None
    ) -> tuple[bool, list[ObserveResult]]:
        """Look for elements of a page.

        Args:
            options: Which.
            page: The page.

        Returns:
            ``True``, and the elements that were found.

        Raises:
            BrowserError: it failed, or took too long.
        """
        self._check_initialized("observe")
        with _failing("observe"):
            tool = PageUseObserveAsync(
                **await _place(page),
                instruction=options.instruction,
                use_vision=options.use_vision,
                selector=options.selector,
                trace_id=uuid.uuid4().hex,
            )
            task_id = await self._start(tool, "Failed to start observe task")
            found = await self._finish(
                PageUseGetObserveResult(task_id=task_id),
                ObservedElement.list_from_text,
                options.timeout,
                f"Task {task_id}: Observe timeout after",
            )
            elements = [
                ObserveResult(
                    element.selector,
                    element.description,
                    element.method,
                    element.decoded_arguments,
                )
                for element in found
            ]
            return True, elements

    async def extract(
        self, options: ExtractOptions[ModelT], page: BrowserPage | None = None
    ) -> tuple[bool, ModelT]:
        """Read data off a page.

        Args:
            options: Which, and in what form.
            page: The page.

        Returns:
            ``True``, and the data as an instance of the model.

        Raises:
            BrowserError: it failed, took too long, or what was read does not fit the model.
        """
        self._check_initialized("extract")
        with _failing("extract"):
            tool = PageUseExtractAsync(
                **await _place(page),
                instruction=options.instruction,
                field_schema=schema_text(options.schema.model_json_schema()),
                use_text_extract=options.use_text_extract,
                use_vision=options.use_vision,
                selector=options.selector,
                max_page=options.max_page,
                trace_id=uuid.uuid4().hex,
            )
            task_id = await self._start(tool, "Failed to start extraction task")
            # What is read may well be null, so it travels in a tuple.
            (found,) = await self._finish(
                PageUseGetExtractResult(task_id=task_id),
                lambda text: (load_bounded(text),),
                options.timeout,
                f"Task {task_id}: Extract timeout after",
            )
            return True, options.schema.model_validate(found)

    async def login(
        self,
        login_config: str,
        page: BrowserPage | None = None,
        use_vision: bool | None = False,
    ) -> ActResult:
        """Log in to a site.

        Args:
            login_config: JSON text, such as ``{"api_key": "...", "skill_id": "..."}``.
            page: The page.
            use_vision: Let the operator look at pictures of the page.

        Returns:
            Whether it was done, and what the service says.

        Raises:
            BrowserError: the browser is not initialized, or the page is not one of its pages.
        """
        self._check_initialized("login")
        with _failing("call login"):
            tool = PageUseLogin(
                **await _place(page), login_config=login_config, use_vision=bool(use_vision)
            )
            answer = await self._call(tool)
        return ActResult(answer.success, answer.data if answer.success else answer.error_message)

    def _check_initialized(self, method: str) -> None:
        if not self._browser.is_initialized():
            raise BrowserError(f"Browser must be initialized before calling {method}.")

    async def _call(self, tool: Tool) -> McpToolResult:
        return await self._session.call_mcp_tool(
            tool.tool_name, tool.arguments(), CALL_TIMEOUT, CALL_TIMEOUT
        )

    async def _start(self, tool: Tool, problem: str) -> str:
        answer = await self._call(tool)
        if not answer.success:
            raise BrowserError(answer.error_message or problem) from answer.exception
        return StartedTask.from_text(answer.data).task_id

    async def _finish(
        self,
        tool: Tool,
        read: Callable[[str], T | None],
        timeout: int | None,
        too_late: str,
    ) -> T:
        """Ask for the outcome of a task until there is one; *read* finds it in the text."""

        async def ask() -> T | None:
            answer = await self._call(tool)
            if is_lasting(answer.exception):
                raise BrowserError(answer.error_message) from answer.exception
            # While it works on a task, the service answers with an error or with nothing.
            return read(answer.data) if answer.success and answer.data.strip() else None

        seconds = timeout or TASK_TIMEOUT
        found = await poll(ask, timeout=seconds, interval=self._poll_interval)
        if found is None:
            raise BrowserError(f"{too_late} {seconds}s")
        return found


def _finished_act(text: str) -> ActAnswer | None:
    answer = ActAnswer.from_text(text)
    return answer if answer.is_done else None


async def _place(page: BrowserPage | None) -> Mapping[str, Any]:
    if page is None:
        return {"context_id": 0}
    try:
        page_id, context_id = await pages.locate(page)
    except Exception as exc:
        # The page is an object of another library, with exceptions of its own.
        raise BrowserError(f"Failed to get page/context index: {exc}") from exc
    return {"page_id": page_id, "context_id": context_id}


@contextlib.contextmanager
def _failing(doing: str) -> Iterator[None]:
    """Turn what goes wrong into the documented error."""
    try:
        yield
    except Exception as exc:
        # Models and their checks are not ours, and raise what they like.
        raise BrowserError(f"Failed to {doing}: {exc}") from exc
