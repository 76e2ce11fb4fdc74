"""The agent that uses the desktop of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async._agent_tasks import COMPUTER, Tasks
from agentbay._wire.tools.agent import FluxExecuteTask

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.agent import ExecutionResult, QueryResult

__all__ = ("AsyncComputerAgent",)


class AsyncComputerAgent:
    """Gives tasks to the agent that uses the desktop. Failures are results, never raised.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._tasks = Tasks(session, COMPUTER)

    async def execute_task(self, task: str) -> ExecutionResult:
        """Start a task; the result has its id.

        Args:
            task: What to do, in plain words.
        """
        return await self._tasks.start(FluxExecuteTask(task=task))

    async def execute_task_and_wait(self, task: str, timeout: float) -> ExecutionResult:
        """Start a task and wait for its end.

        A task that takes longer than *timeout*, or whose waiting is cancelled, is stopped.

        Args:
            task: What to do, in plain words.
            timeout: Seconds that it may take.
        """
        return await self._tasks.start_and_wait(FluxExecuteTask(task=task), timeout)

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
