"""The agent that uses the phone of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from agentbay._async._agent_stream import Listeners, StreamedTask
from agentbay._async._agent_tasks import MOBILE, TASK_FAILED, Tasks, start_failure
from agentbay._async.task_execution import AsyncTaskExecution
from agentbay._wire.tools.agent import ExecuteTask, TaskAnswer
from agentbay.errors import AgentError, ProtocolError
from agentbay.models.agent import ExecutionResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentbay._async.session import AsyncSession
    from agentbay.models.agent import AgentEvent, QueryResult, RunningTask

__all__ = ("AsyncMobileAgent",)


class AsyncMobileAgent:
    """Gives tasks to the agent that uses the phone.

    With a callback, the session's WebSocket brings what the agent thinks, says and does while it
    happens. A callback that fails is logged, and the task goes on.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._tasks = Tasks(session, MOBILE)

    async def execute_task(
        self,
        task: str,
        max_steps: int = 50,
        on_reasoning: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_content: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_tool_call: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_tool_result: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_error: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_call_for_user: Callable[[AgentEvent], Awaitable[str] | str] | None = None,
    ) -> AsyncTaskExecution:
        """Start a task.

        Args:
            task: What to do, in plain words.
            max_steps: How many things the agent may do for it.
            on_reasoning: Called with what the agent thinks.
            on_content: Called with what it says.
            on_tool_call: Called before it does something.
            on_tool_result: Called with what that brought.
            on_error: Called when something goes wrong.
            on_call_for_user: Called when the agent asks something; returns the answer. While it
                runs nothing else is called.

        Raises:
            AgentError: the agent refused the task.
            SessionError: a callback was given, and the session has no WebSocket.
            TransportError: the session's WebSocket cannot be reached.
        """
        listeners = Listeners(
            reasoning=on_reasoning,
            content=on_content,
            tool_call=on_tool_call,
            tool_result=on_tool_result,
            error=on_error,
            call_for_user=on_call_for_user,
        )
        return AsyncTaskExecution(await self._start(task, max_steps, listeners))

    async def _start(self, task: str, max_steps: int, listeners: Listeners) -> RunningTask:
        if listeners:
            return await StreamedTask.start(self._session, task, max_steps, listeners)
        result = await self._tasks.call(ExecuteTask(task=task, max_steps=max_steps))
        if not result.success:
            raise AgentError(start_failure(result).error_message) from result.exception
        try:
            task_id = TaskAnswer.from_text(result.data).task_id
        except ProtocolError:
            task_id = ""
        if task_id:
            return _PolledTask(task_id, self._tasks)
        # Small tasks are done at once, and then the answer is their result.
        return _EndedTask(
            ExecutionResult(result.request_id, True, "", "", "completed", result.data)
        )

    async def execute_task_and_wait(
        self,
        task: str,
        timeout: float,
        max_steps: int = 50,
        on_reasoning: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_content: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_tool_call: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_tool_result: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_error: Callable[[AgentEvent], Awaitable[None] | None] | None = None,
        on_call_for_user: Callable[[AgentEvent], Awaitable[str] | str] | None = None,
    ) -> ExecutionResult:
        """Start a task and wait for its end.

        A task that takes longer than *timeout*, or whose waiting is cancelled, is stopped. One
        that is listened to cannot be: it is listened to no longer.

        Args:
            task: What to do, in plain words.
            timeout: Seconds that it may take.
            max_steps: How many things the agent may do for it.
            on_reasoning: See ``execute_task``, as for the others.
            on_content: Called with what the agent says.
            on_tool_call: Called before it does something.
            on_tool_result: Called with what that brought.
            on_error: Called when something goes wrong.
            on_call_for_user: Called when the agent asks something.

        Raises:
            SessionError: a callback was given, and the session has no WebSocket.
            AgentBayError: a callback was given, and the events ended before the task.
        """
        listeners = Listeners(
            reasoning=on_reasoning,
            content=on_content,
            tool_call=on_tool_call,
            tool_result=on_tool_result,
            error=on_error,
            call_for_user=on_call_for_user,
        )
        try:
            started = await self._start(task, max_steps, listeners)
        except AgentError as exc:
            return ExecutionResult.failure(
                str(exc), exc, task_status="failed", task_result=TASK_FAILED
            )
        if isinstance(started, _PolledTask):
            return await self._tasks.wait_or_stop(started.task_id, timeout)
        try:
            return await started.wait(timeout)
        finally:
            started.close()

    async def get_task_status(self, task_id: str) -> QueryResult:
        """Ask how a task stands; failures are results.

        ``completed``, ``failed``, ``cancelled`` and ``unsupported`` are final.

        Args:
            task_id: The task.
        """
        return await self._tasks.get_status(task_id)

    async def terminate_task(self, task_id: str) -> ExecutionResult:
        """Stop a task; failures are results.

        Args:
            task_id: The task.
        """
        return await self._tasks.terminate(task_id)


@frozen
class _PolledTask:
    """A task that is asked after."""

    task_id: str
    tasks: Tasks

    async def wait(self, timeout: float) -> ExecutionResult:
        return await self.tasks.wait(self.task_id, timeout)

    def close(self) -> None:
        """There is nothing to close between two questions."""


@frozen
class _EndedTask:
    """A task that ended when it was started."""

    result: ExecutionResult
    task_id: str = ""

    async def wait(self, timeout: float) -> ExecutionResult:  # noqa: ARG002 - there is no need
        return self.result

    def close(self) -> None:
        """There is nothing to close."""
