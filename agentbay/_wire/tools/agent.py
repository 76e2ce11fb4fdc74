"""The tools by which agents in a session are given tasks."""

from __future__ import annotations

import json
from typing import Any

from attrs import field, frozen

from agentbay._wire.codec import WireObject, lenient_converter, structure
from agentbay._wire.tools.base import Tool
from agentbay.errors import ProtocolError

__all__ = (
    "BrowserUseExecuteTask",
    "BrowserUseGetTaskStatus",
    "BrowserUseTerminateTask",
    "ExecuteTask",
    "FluxExecuteTask",
    "FluxGetTaskStatus",
    "FluxTerminateTask",
    "GetTaskStatus",
    "TaskAnswer",
    "TerminateTask",
)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


@frozen(kw_only=True)
class TaskAnswer(WireObject):
    """What the tools below answer; each of them fills what it knows.

    Attributes:
        product: What the task has brought about. It may be an object; then it is JSON here.
        result: The same, as agents that use a phone call it.
    """

    pascal_case = False
    also_read = {"taskId": "task_id"}

    task_id: str = ""
    status: str = ""
    action: str = ""
    product: Any = field(default="", converter=_text)
    result: Any = field(default="", converter=_text)
    error: Any = field(default="", converter=_text)
    stream: tuple[dict[str, Any], ...] = ()

    @classmethod
    def from_text(cls, text: str) -> TaskAnswer:
        """Read *text*.

        Raises:
            ProtocolError: it is no JSON object, or not one of this form.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise ProtocolError(f"The agent's answer is not JSON: {exc}") from exc
        answer: TaskAnswer = structure(lenient_converter, found, cls, "The agent's answer")
        return answer


@frozen(kw_only=True)
class ComputerAgentTool(Tool):
    """Base of the tools of the agent that uses a desktop."""

    server = "wuying_computer_agent"


@frozen(kw_only=True)
class FluxExecuteTask(ComputerAgentTool):
    """Start a task on the desktop and return its id, in a JSON object."""

    tool_name = "flux_execute_task"

    task: str


@frozen(kw_only=True)
class FluxGetTaskStatus(ComputerAgentTool):
    """Return how a task on the desktop stands, as a JSON object."""

    tool_name = "flux_get_task_status"

    task_id: str


@frozen(kw_only=True)
class FluxTerminateTask(ComputerAgentTool):
    """Stop a task on the desktop."""

    tool_name = "flux_terminate_task"

    task_id: str


@frozen(kw_only=True)
class BrowserAgentTool(Tool):
    """Base of the tools of the agent that uses a browser."""

    server = "wuying_browseruse"


@frozen(kw_only=True)
class BrowserUseExecuteTask(BrowserAgentTool):
    """Start a task in the browser and return its id, in a JSON object."""

    tool_name = "browser_use_execute_task"

    task: str
    use_vision: bool = False
    full_page_screenshot: bool = False
    output_schema: str
    """JSON schema of the result."""


@frozen(kw_only=True)
class BrowserUseGetTaskStatus(BrowserAgentTool):
    """Return how a task in the browser stands, as a JSON object."""

    tool_name = "browser_use_get_task_status"

    task_id: str


@frozen(kw_only=True)
class BrowserUseTerminateTask(BrowserAgentTool):
    """Stop a task in the browser."""

    tool_name = "browser_use_terminate_task"

    task_id: str


@frozen(kw_only=True)
class MobileAgentTool(Tool):
    """Base of the tools of the agent that uses a phone."""

    server = "wuying_mobile_agent"


@frozen(kw_only=True)
class ExecuteTask(MobileAgentTool):
    """Start a task on the phone and return its id, in a JSON object."""

    tool_name = "execute_task"

    task: str
    max_steps: int = 50


@frozen(kw_only=True)
class GetTaskStatus(MobileAgentTool):
    """Return how a task on the phone stands, as a JSON object."""

    tool_name = "get_task_status"

    task_id: str


@frozen(kw_only=True)
class TerminateTask(MobileAgentTool):
    """Stop a task on the phone."""

    tool_name = "terminate_task"

    task_id: str
