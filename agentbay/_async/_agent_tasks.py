"""Tasks that are started by a tool and then asked after, for all agents alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from attrs import define, field, frozen

from agentbay._async._lifetime import poll, poll_times, quick_pauses
from agentbay._transport.finishing import finish, finish_or_undo
from agentbay._wire.tools.agent import (
    BrowserUseGetTaskStatus,
    BrowserUseTerminateTask,
    FluxGetTaskStatus,
    FluxTerminateTask,
    GetTaskStatus,
    TaskAnswer,
    TerminateTask,
)
from agentbay._wire.tools.base import Tool
from agentbay.errors import ProtocolError, RateLimitError, ServerFaultError, TransportError
from agentbay.models.agent import ExecutionResult, QueryResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.session import McpToolResult

__all__ = ("BROWSER", "COMPUTER", "MOBILE", "TASK_FAILED", "AgentKind", "Tasks", "start_failure")

POLL_INTERVAL = 3.0
# What is left of a task that nobody waits for any more.
TERMINATE_GRACE = 5.0
GONE_CHECKS, GONE_INTERVAL = 30, 1.0
GONE = "Task not found or already finished"

TASK_FAILED = "Task Failed"
START_FAILED = "Failed to execute task"

# Failures of asking, which say nothing about the task.
PASSING = (RateLimitError, ServerFaultError, TransportError)


@frozen
class AgentKind:
    """How the agents of one kind are asked, and the words they use.

    Attributes:
        done: The status of a task that succeeded, also assumed where none is told.
        ended: The other statuses that a task never leaves.
        stopping: The status assumed after a task was stopped.
    """

    get_status: Callable[[str], Tool]
    terminate: Callable[[str], Tool]
    done: str
    ended: frozenset[str]
    stopping: str


COMPUTER = AgentKind(
    lambda task_id: FluxGetTaskStatus(task_id=task_id),
    lambda task_id: FluxTerminateTask(task_id=task_id),
    done="finished",
    ended=frozenset({"failed", "unsupported"}),
    stopping="finished",
)
BROWSER = AgentKind(
    lambda task_id: BrowserUseGetTaskStatus(task_id=task_id),
    lambda task_id: BrowserUseTerminateTask(task_id=task_id),
    done="finished",
    ended=frozenset({"failed", "unsupported"}),
    stopping="finished",
)
MOBILE = AgentKind(
    lambda task_id: GetTaskStatus(task_id=task_id),
    lambda task_id: TerminateTask(task_id=task_id),
    done="completed",
    ended=frozenset({"cancelled", "failed", "unsupported"}),
    stopping="cancelling",
)


@define
class Seen:
    """What was seen of a task while waiting for it.

    Attributes:
        times: How often it was asked after.
        last: The last answer.
    """

    times: int = 0
    last: QueryResult = field(factory=QueryResult)


class Tasks:
    """The tasks of one kind of agent in one session."""

    def __init__(self, session: AsyncSession, kind: AgentKind) -> None:
        self._session = session
        self._kind = kind

    async def call(self, tool: Tool) -> McpToolResult:
        """Call a tool of the agent."""
        return await self._session.call_mcp_tool(tool.tool_name, tool.arguments())

    async def start(self, tool: Tool) -> ExecutionResult:
        """Start a task with *tool*; failures are results."""
        result = await self.call(tool)
        if not result.success:
            return start_failure(result)
        try:
            answer = TaskAnswer.from_text(result.data)
            if not answer.task_id:
                raise ProtocolError("The agent's answer has no task_id")
        except ProtocolError as exc:
            return ExecutionResult.failure(
                f"Failed to execute: {exc}",
                exc,
                request_id=result.request_id,
                task_status="failed",
            )
        return ExecutionResult(
            result.request_id, True, task_id=answer.task_id, task_status="running"
        )

    async def get_status(self, task_id: str) -> QueryResult:
        """Ask how a task stands; failures are results."""
        result = await self.call(self._kind.get_status(task_id))
        problem, cause = result.error_message or "Failed to get task status", result.exception
        if result.success:
            try:
                answer = TaskAnswer.from_text(result.data)
            except ProtocolError as exc:
                problem, cause = f"Failed to get task status: {exc}", exc
            else:
                is_mobile = self._kind is MOBILE
                return QueryResult(
                    result.request_id,
                    True,
                    task_id=answer.task_id or task_id,
                    task_status=answer.status or self._kind.done,
                    task_action=answer.action,
                    task_product=(is_mobile and answer.result) or answer.product,
                    stream=list(answer.stream),
                    error=answer.error,
                )
        return QueryResult.failure(
            problem, cause, request_id=result.request_id, task_id=task_id, task_status="failed"
        )

    async def terminate(self, task_id: str) -> ExecutionResult:
        """Stop a task; failures are results."""
        result = await self.call(self._kind.terminate(task_id))
        problem, cause = result.error_message or "Failed to terminate task", result.exception
        if result.success:
            try:
                answer = TaskAnswer.from_text(result.data)
            except ProtocolError as exc:
                problem, cause = f"Failed to terminate: {exc}", exc
            else:
                status = answer.status or self._kind.stopping
                return ExecutionResult(
                    result.request_id, True, task_id=answer.task_id or task_id, task_status=status
                )
        return ExecutionResult.failure(
            problem, cause, request_id=result.request_id, task_id=task_id, task_status="failed"
        )

    async def start_and_wait(self, tool: Tool, timeout: float) -> ExecutionResult:
        """Start a task and wait for its end; cancelling the wait stops the task."""
        started = await finish_or_undo(lambda: self.start(tool), self._stop, grace=TERMINATE_GRACE)
        if not started.success:
            started.task_result = TASK_FAILED
            return started
        return await self.wait_or_stop(started.task_id, timeout)

    async def wait_or_stop(self, task_id: str, timeout: float) -> ExecutionResult:
        """Wait for the end of a task that nobody else knows; cancelling stops it."""
        try:
            return await self.wait(task_id, timeout)
        except anyio.get_cancelled_exc_class():
            await finish(lambda: self.terminate(task_id), grace=TERMINATE_GRACE)
            raise

    async def _stop(self, started: ExecutionResult) -> None:
        if started.success:
            await self.terminate(started.task_id)

    async def look_after(
        self, task_id: str, timeout: float, seen: Seen | None = None
    ) -> ExecutionResult | None:
        """Return the end of a task; ``None`` if *timeout* seconds pass without one."""
        seen = seen or Seen()

        async def check() -> ExecutionResult | None:
            seen.times += 1
            query = await self.get_status(task_id)
            if not query.success and isinstance(query.exception, PASSING):
                return None
            seen.last = query
            return self._ended(query)

        return await poll(check, timeout=timeout, interval=POLL_INTERVAL)

    async def wait(self, task_id: str, timeout: float) -> ExecutionResult:
        """Wait up to *timeout* seconds for the end of a task, then stop it."""
        seen = Seen()
        ended = await self.look_after(task_id, timeout, seen)
        if ended is not None:
            return ended
        await self.terminate(task_id)
        sentence = f"Task execution timed out after {timeout:g} seconds."
        problem = f"{sentence} Task ID: {task_id}."
        result = sentence
        if self._kind is MOBILE:
            await self._wait_until_gone(task_id)
            result = " | ".join([sentence, *_last_known(seen.last)])
        else:
            most = len(quick_pauses(POLL_INTERVAL)) + math.ceil(timeout / POLL_INTERVAL)
            problem += f" Polled {seen.times} times (max: {max(seen.times, most)})."
        return ExecutionResult.failure(
            problem,
            request_id=seen.last.request_id,
            task_id=task_id,
            task_status="failed",
            task_result=result,
        )

    def _ended(self, query: QueryResult) -> ExecutionResult | None:
        status = query.task_status
        if query.success and status == self._kind.done:
            return ExecutionResult(
                query.request_id, True, "", query.task_id, status, query.task_product
            )
        if query.success and status not in self._kind.ended:
            return None
        said = query.error or query.error_message
        if self._kind is MOBILE:
            problem = said or f"Task {status}."
        elif status == "unsupported":
            problem = said or "Unsupported task."
        else:
            problem = "Failed to execute task."
        return ExecutionResult.failure(
            problem,
            None if query.success else query.exception,
            request_id=query.request_id,
            task_id=query.task_id,
            task_status=status,
            task_result=query.task_product,
        )

    async def _wait_until_gone(self, task_id: str) -> None:
        """Wait for the end of what was stopped: until then the phone is not free."""

        async def check() -> bool | None:
            query = await self.get_status(task_id)
            return query.error_message.startswith(GONE) or None

        await poll_times(check, times=GONE_CHECKS, interval=GONE_INTERVAL)


def start_failure(result: McpToolResult) -> ExecutionResult:
    """Return the outcome of a task that was not started."""
    return ExecutionResult.failure(
        result.error_message or START_FAILED,
        result.exception,
        request_id=result.request_id,
        task_status="failed",
    )


def _last_known(last: QueryResult) -> list[str]:
    said = "".join(str(part.get("content") or "") for part in last.stream)
    known = {
        "Last task status output": said,
        "Last action": last.task_action,
        "Last result": last.task_product,
        "Last error": last.error,
        "Last status": last.task_status,
    }
    return [f"{what}: {text}" for what, text in known.items() if text]
