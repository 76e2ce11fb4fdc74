"""One running task of an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentbay.models.agent import ExecutionResult, RunningTask

__all__ = ("AsyncTaskExecution",)


class AsyncTaskExecution:
    """A task that an agent is working on; made by ``execute_task``.

    Args:
        task: What was started.
    """

    def __init__(self, task: RunningTask) -> None:
        self._task = task

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.task_id}>"

    @property
    def task_id(self) -> str:
        """The task's id; empty for one that is listened to or that ended at once."""
        return self._task.task_id

    async def wait(self, timeout: float = 300) -> ExecutionResult:
        """Wait for the end of the task; without one in time it is stopped and has failed.

        Cancelling this call lets the task go on. A task that is listened to cannot be stopped: it
        is listened to no longer.

        Args:
            timeout: Seconds to wait.

        Returns:
            What the task has brought about, or why it failed.

        Raises:
            AgentBayError: the events of a task that is listened to ended before the task.
        """
        return await self._task.wait(timeout)

    async def close(self) -> None:
        """Stop listening, and do not wait any more; the task goes on. Idempotent."""
        self._task.close()
