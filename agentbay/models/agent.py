"""Tasks for the agents in a session: events on the way, and outcomes."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define, field

from agentbay.errors import AgentError
from agentbay.models.results import ApiResponse, Outcome

__all__ = ("AgentEvent", "ExecutionResult", "OutputSchema", "QueryResult")


class OutputSchema(Protocol):
    """A class that knows its JSON schema, as those of pydantic do."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Return the schema."""
        ...


@define
class AgentEvent:
    """Something that an agent tells while it works on a task.

    Attributes:
        type: ``reasoning``, ``content``, ``tool_call``, ``tool_result`` or ``error``.
        seq: Number of the event.
        round: Number of the agent's turn.
        content: What the agent thinks or says.
        tool_call_id: Which call of a tool this is about.
        tool_name: The tool, ``call_for_user`` when the agent asks its user something.
        args: What the tool is called with.
        result: What the tool gave back.
        prompt: What the user is asked.
        error: What went wrong.
    """

    type: str = ""
    seq: int = 0
    round: int = 0
    content: str = ""
    tool_call_id: str = ""
    tool_name: str = ""
    args: dict[str, Any] = field(factory=dict)
    result: dict[str, Any] = field(factory=dict)
    prompt: str = ""
    error: dict[str, Any] = field(factory=dict)


@define
class QueryResult(ApiResponse, Outcome):
    """How a task stands.

    Attributes:
        task_status: Such as ``running``; ``failed`` also when it cannot be told.
        task_action: What the agent is doing.
        task_product: What the task has brought about.
        stream: What the agent has said, as far as the service repeats it.
        error: Why the task failed.
    """

    error_class = AgentError

    success: bool = False
    error_message: str = ""
    task_id: str = ""
    task_status: str = ""
    task_action: str = ""
    task_product: str = ""
    stream: list[dict[str, Any]] = field(factory=list)
    error: str = ""

    def unwrap(self) -> QueryResult:
        """Return this result, or raise the error of a failed one."""
        self.raise_for_error()
        return self


@define
class ExecutionResult(ApiResponse, Outcome):
    """The outcome of a task, or of starting or stopping one.

    Attributes:
        task_result: What the task has brought about.
    """

    error_class = AgentError

    success: bool = False
    error_message: str = ""
    task_id: str = ""
    task_status: str = ""
    task_result: str = ""

    def unwrap(self) -> ExecutionResult:
        """Return this result, or raise the error of a failed one."""
        self.raise_for_error()
        return self


class RunningTask(Protocol):
    """What a task is made of that was started."""

    @property
    def task_id(self) -> str:
        """The task's id; empty where it has none."""

    async def wait(self, timeout: float) -> ExecutionResult:
        """Wait for the end."""

    def close(self) -> None:
        """Stop listening."""
