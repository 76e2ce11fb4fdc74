"""Tasks whose events come on the session's WebSocket while they happen."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
from attrs import frozen

from agentbay._wire.agent_stream import CALL_FOR_USER, exec_task, read_event, resume_task
from agentbay._wire.tools.agent import ExecuteTask
from agentbay.errors import AgentBayError, WsCancelledError
from agentbay.models.agent import AgentEvent, ExecutionResult

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay._transport.channel import Channel
    from agentbay._transport.exchanges import ChannelStream

__all__ = ("Listeners", "StreamedTask")

logger = logging.getLogger("agentbay.agent")

Listener = Callable[[AgentEvent], Awaitable[Any] | Any]


@frozen(kw_only=True)
class Listeners:
    """Who is told of what; coroutine functions are awaited."""

    reasoning: Listener | None = None
    content: Listener | None = None
    tool_call: Listener | None = None
    tool_result: Listener | None = None
    error: Listener | None = None
    call_for_user: Listener | None = None

    def __bool__(self) -> bool:
        every = (self.reasoning, self.content, self.tool_call, self.tool_result, self.error)
        return any(listener is not None for listener in (*every, self.call_for_user))

    async def tell(self, event: AgentEvent) -> None:
        """Tell whoever listens to events of this type."""
        listeners = {
            "reasoning": self.reasoning,
            "content": self.content,
            "tool_call": self.tool_call,
            "tool_result": self.tool_result,
            "error": self.error,
        }
        await _call(listeners.get(event.type), event)

    async def ask(self, event: AgentEvent) -> str:
        """Return what the user answers; nothing where nobody does."""
        answer = await _call(self.call_for_user, event)
        return "" if answer is None else str(answer)


async def _call(listener: Listener | None, event: AgentEvent) -> Any:
    if listener is None:
        return None
    try:
        answer = listener(event)
        return await answer if isinstance(answer, Awaitable) else answer
    except Exception:
        # The task goes on whatever a listener does.
        logger.exception("A listener to %r events failed", event.type)
        return None


class StreamedTask:
    """A task that tells of itself; it is listened to whether or not anybody waits.

    Args:
        channel: The session's WebSocket, which the listening ends with at the latest.
        stream: The stream that started the task.
        listeners: Who is told.
    """

    def __init__(self, channel: Channel, stream: ChannelStream, listeners: Listeners) -> None:
        self._stream = stream
        self._listeners = listeners
        self._content: list[str] = []
        self._error: dict[str, Any] = {}
        self._outcome: ExecutionResult | AgentBayError | None = None
        self._over = anyio.Event()
        self._reader = channel.spawn(self._read())

    @property
    def task_id(self) -> str:
        """Nothing: on the channel a task has no id."""
        return ""

    @classmethod
    async def start(
        cls, session: AsyncSession, task: str, max_steps: int, listeners: Listeners
    ) -> StreamedTask:
        """Start a task.

        Raises:
            SessionError: the session has no WebSocket.
            TransportError: it cannot be reached.
        """
        name = ExecuteTask.tool_name
        servers = (tool.server for tool in session.mcp_tools if tool.name == name)
        channel = session._channel()
        stream = await channel.open_stream(
            next(servers, "") or ExecuteTask.server, exec_task(task, max_steps)
        )
        return cls(channel, stream, listeners)

    async def wait(self, timeout: float) -> ExecutionResult:
        """Wait for the end.

        Raises:
            AgentBayError: the stream broke before the end.
        """
        with anyio.move_on_after(timeout):
            await self._over.wait()
        if self._outcome is None:
            self.close()
            problem = f"Task execution timed out after {timeout:g} seconds."
            return self._failed(problem, "".join(self._content) or "Task execution timed out.")
        if isinstance(self._outcome, AgentBayError):
            raise self._outcome
        return self._outcome

    def close(self) -> None:
        """Stop listening; the agent is not told. Idempotent."""
        self._finish(WsCancelledError("The task's stream was closed before its end"))
        self._reader.cancel()

    def _finish(self, outcome: ExecutionResult | AgentBayError) -> None:
        if self._outcome is None:
            self._outcome = outcome
        self._stream.close()
        self._over.set()

    async def _read(self) -> None:
        try:
            while (data := await self._stream.receive()) is not None:
                await self._take(data)
            self._finish(self._ended(self._stream.end or {}))
        except AgentBayError as exc:
            self._finish(exc)
        finally:
            self.close()

    async def _take(self, data: dict[str, Any]) -> None:
        event = read_event(data)
        if event.type == "content":
            self._content.append(event.content)
        elif event.type == "error":
            self._error = event.error
        await self._listeners.tell(event)
        if event.type == "tool_call" and event.tool_name == CALL_FOR_USER:
            # Also when nobody listens: the agent waits for an answer.
            answer = await self._listeners.ask(event)
            await self._stream.write(resume_task(event.tool_call_id, answer))

    def _ended(self, end: dict[str, Any]) -> ExecutionResult:
        content = "".join(self._content)
        if self._error:
            return self._failed(str(self._error), content)
        status = end.get("status") or "finished"
        result = str(end.get("taskResult") or content)
        if status != "finished":
            return self._failed(f"Task ended with status: {status}", result, str(status))
        return ExecutionResult(self._stream.id, True, "", "", "finished", result)

    def _failed(self, problem: str, result: str, status: str = "failed") -> ExecutionResult:
        return ExecutionResult.failure(
            problem, request_id=self._stream.id, task_status=status, task_result=result
        )
