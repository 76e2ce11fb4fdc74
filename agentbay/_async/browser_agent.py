"""The agent that uses the browser of a session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentbay._async._agent_tasks import BROWSER, TASK_FAILED, Tasks
from agentbay._wire.tools.agent import BrowserUseExecuteTask
from agentbay.models.agent import ExecutionResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.agent import OutputSchema, QueryResult
    from agentbay.models.browser import BrowserOption

__all__ = ("AsyncBrowserAgent",)

DEFAULT_SCHEMA: dict[str, Any] = {
    "properties": {"result": {"title": "Result", "type": "string"}},
    "required": ["result"],
    "title": "DefaultSchema",
    "type": "object",
}


class AsyncBrowserAgent:
    """Gives tasks to the agent that uses the browser. Failures are results, never raised.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._tasks = Tasks(session, BROWSER)

    async def initialize(self, option: BrowserOption | None = None) -> bool:
        """Start the browser; the same as ``session.browser.initialize``.

        Without it the first task starts the browser with all defaults.

        Args:
            option: How.

        Returns:
            Whether the browser runs.
        """
        return await self._session.browser.initialize(option)

    async def execute_task(
        self,
        task: str,
        use_vision: bool = False,
        output_schema: type[OutputSchema] | None = None,
        full_page_screenshot: bool = False,
    ) -> ExecutionResult:
        """Start a task; the result has its id.

        Args:
            task: What to do, in plain words.
            use_vision: Let the agent look at the page, not only read it.
            output_schema: What the result must look like, such as a class of pydantic; an object
                with the text ``result`` by default.
            full_page_screenshot: Let it see the whole page, not only what fits on the screen.
        """
        if not await self.initialize():
            return _no_browser()
        call = _call(task, use_vision, output_schema, full_page_screenshot)
        return await self._tasks.start(call)

    async def execute_task_and_wait(
        self,
        task: str,
        timeout: float,
        use_vision: bool = False,
        output_schema: type[OutputSchema] | None = None,
        full_page_screenshot: bool = False,
    ) -> ExecutionResult:
        """Start a task and wait for its end.

        A task that takes longer than *timeout*, or whose waiting is cancelled, is stopped.

        Args:
            task: What to do, in plain words.
            timeout: Seconds that it may take.
            use_vision: Let the agent look at the page, not only read it.
            output_schema: What the result must look like, as for ``execute_task``.
            full_page_screenshot: Let it see the whole page, not only what fits on the screen.

        Returns:
            As ``task_result`` what was found, as JSON in the form of *output_schema*.
        """
        if not await self.initialize():
            return _no_browser()
        call = _call(task, use_vision, output_schema, full_page_screenshot)
        return await self._tasks.start_and_wait(call, timeout)

    async def get_task_status(self, task_id: str) -> QueryResult:
        """Ask how a task stands: ``finished``, ``failed`` and ``unsupported`` are final.

        Args:
            task_id: The task.
        """
        return await self._tasks.get_status(task_id)

    async def terminate_task(self, task_id: str) -> ExecutionResult:
        """Stop a task.

        Args:
            task_id: The task.
        """
        return await self._tasks.terminate(task_id)


def _no_browser() -> ExecutionResult:
    return ExecutionResult.failure(
        "Failed to initialize browser", task_status="failed", task_result=TASK_FAILED
    )


def _call(
    task: str, use_vision: bool, output_schema: type[OutputSchema] | None, full_page: bool
) -> BrowserUseExecuteTask:
    schema = DEFAULT_SCHEMA if output_schema is None else output_schema.model_json_schema()
    return BrowserUseExecuteTask(
        task=task,
        use_vision=use_vision,
        full_page_screenshot=bool(full_page),
        output_schema=json.dumps(schema),
    )
