"""The agents of a session: each is given tasks in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async._agent_tasks import COMPUTER, POLL_INTERVAL, TASK_FAILED, Tasks
from agentbay._async.browser_agent import AsyncBrowserAgent
from agentbay._async.computer_agent import AsyncComputerAgent
from agentbay._async.mobile_agent import AsyncMobileAgent
from agentbay._wire.tools.agent import FluxExecuteTask

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.agent import ExecutionResult, QueryResult

__all__ = ("AsyncAgent",)


class AsyncAgent:
    """Leads to the agents of one session.

    Its own methods are those of earlier releases, and mean the agent that uses the desktop.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._tasks = Tasks(session, COMPUTER)
        self._computer = AsyncComputerAgent(session)
        self._browser = AsyncBrowserAgent(session)
        self._mobile = AsyncMobileAgent(session)

    @property
    def computer(self) -> AsyncComputerAgent:
        """The agent that uses the desktop."""
        return self._computer

    @property
    def browser(self) -> AsyncBrowserAgent:
        """The agent that uses the browser."""
        return self._browser

    @property
    def mobile(self) -> AsyncMobileAgent:
        """The agent that uses the phone."""
        return self._mobile

    async def async_execute_task(self, task: str) -> ExecutionResult:
        """Start a task on the desktop; the same as ``computer.execute_task``.

        Args:
            task: What to do, in plain words.
        """
        return await self._tasks.start(FluxExecuteTask(task=task))

    async def execute_task(self, task: str, max_try_times: int) -> ExecutionResult:
        """Start a task on the desktop and wait for its end.

        Args:
            task: What to do, in plain words.
            max_try_times: How long to wait, in steps of three seconds. The task goes on after
                that, unlike after ``computer.execute_task_and_wait``.
        """
        started = await self._tasks.start(FluxExecuteTask(task=task))
        if not started.success:
            started.task_result = TASK_FAILED
            return started
        ended = await self._tasks.look_after(started.task_id, max_try_times * POLL_INTERVAL)
        if ended is not None:
            return ended
        started.success, started.task_status = False, "failed"
        started.error_message = started.task_result = "Task timeout."
        return started

    async def get_task_status(self, task_id: str) -> QueryResult:
        """Ask how a task on the desktop stands; the same as ``computer.get_task_status``.

        Args:
            task_id: The task.
        """
        return await self._tasks.get_status(task_id)

    async def terminate_task(self, task_id: str) -> ExecutionResult:
        """Stop a task on the desktop; the same as ``computer.terminate_task``.

        Args:
            task_id: The task.
        """
        return await self._tasks.terminate(task_id)
