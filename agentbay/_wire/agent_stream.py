"""What is said on the channel to an agent, and what it says while it works on a task."""

from __future__ import annotations

from typing import Any, TypeVar

from agentbay.models.agent import AgentEvent

__all__ = ("CALL_FOR_USER", "exec_task", "read_event", "resume_task")

CALL_FOR_USER = "call_for_user"
"""The tool by which an agent asks its user."""

T = TypeVar("T")


def exec_task(task: str, max_steps: int) -> dict[str, Any]:
    """Return what starts a task; the stream that it opens brings the events."""
    return {"method": "exec_task", "params": {"task": task, "max_steps": max_steps}}


def resume_task(tool_call_id: str, response: str) -> dict[str, Any]:
    """Return the user's answer to a call for them; sent on the stream of the task."""
    return {
        "method": "resume_task",
        "params": {"toolCallId": tool_call_id, "response": response},
    }


def read_event(data: dict[str, Any]) -> AgentEvent:
    """Return the event in the ``data`` of a frame; what does not fit is left out."""

    def get(name: str, default: T) -> T:
        value = data.get(name)
        return value if isinstance(value, type(default)) else default

    kind = get("eventType", "")
    args: dict[str, Any] = get("args", {})
    prompt = args.get("prompt") if get("toolName", "") == CALL_FOR_USER else ""
    error: dict[str, Any] = get("error", {})
    return AgentEvent(
        kind,
        get("seq", 0),
        get("round", 0),
        get("content", ""),
        get("toolCallId", ""),
        get("toolName", ""),
        args,
        get("result", {}),
        prompt if isinstance(prompt, str) else "",
        (error or data) if kind == "error" else {},
    )
