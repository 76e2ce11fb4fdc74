"""Code execution on a session's WebSocket: what asks for it, its events and its end.

The runtime writes these events, the client reads them.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen, validators

from agentbay._wire.codec import WireObject
from agentbay._wire.tools.code import CodeAnswer, Language, RunCode, read_code_facts, read_result
from agentbay.models.code import CodeExecutionResult, ExecutionError, ExecutionLogs

__all__ = (
    "CANCEL_MODE",
    "RunParams",
    "StreamedCode",
    "cancel_frame",
    "end_fields",
    "error_fields",
    "result_fields",
    "run_frame",
)

CANCEL_MODE = "cancel"
"""The mode of a further frame of a stream that interrupts the code."""

_PLAIN_ERROR = "ExecutionError"


@frozen(kw_only=True)
class RunParams(WireObject):
    """The parameters of an execution."""

    pascal_case = False
    wire_names = {"timeout_s": "timeoutS"}

    code: str = field(repr=False)
    language: Language
    timeout_s: int = field(default=60, validator=validators.gt(0))


def run_frame(tool: RunCode) -> dict[str, Any]:
    """Return the ``data`` of the frame that asks for an execution."""
    params = {"language": tool.language, "timeoutS": tool.timeout_s, "code": tool.code}
    return {"method": RunCode.tool_name, "mode": "stream", "params": params}


def cancel_frame() -> dict[str, Any]:
    """Return the ``data`` of a further frame that ends it; beyond the reference."""
    return {"method": RunCode.tool_name, "mode": CANCEL_MODE}


def result_fields(result: CodeExecutionResult) -> dict[str, Any]:
    """Return the fields of an event of type ``result``."""
    return {"result": {"isMainResult": result.is_main_result, "mime": result.mime_bundle()}}


def error_fields(error: ExecutionError, trace_id: str) -> dict[str, Any]:
    """Return the fields of an event of type ``error``; as a string, it would end the stream."""
    return {
        "error": {
            "code": error.name,
            "message": error.value,
            "traceId": trace_id,
            "traceback": error.traceback,
        }
    }


def end_fields(answer: CodeAnswer) -> dict[str, Any]:
    """Return the fields of the end."""
    return {
        "status": "finished" if answer.success else "failed",
        "executionError": None if answer.success else answer.summary,
        "executionCount": answer.execution_count,
        "executionTime": answer.execution_time,
        "stopped": answer.stopped,
        "stateLost": answer.state_lost,
    }


@define
class StreamedCode:
    """What a stream has told until now."""

    logs: ExecutionLogs = field(factory=ExecutionLogs)
    results: list[CodeExecutionResult] = field(factory=list)
    error: ExecutionError | None = None

    def take(self, event: dict[str, Any]) -> tuple[str, Any]:
        """Take in an event and return its type, and the chunk or the error that it brings."""
        kind = event.get("eventType")
        if kind in ("stdout", "stderr"):
            chunk = event.get("chunk")
            chunk = chunk if isinstance(chunk, str) else ""
            (self.logs.stdout if kind == "stdout" else self.logs.stderr).append(chunk)
            return kind, chunk
        if kind == "result":
            self.results.append(_read_result(event.get("result")))
        elif kind == "error":
            found = event.get("error")
            payload = found if isinstance(found, dict) else event
            self.error = _read_error(payload)
            return kind, payload
        return "", None

    def answer(self, end: dict[str, Any]) -> CodeAnswer:
        """Return the outcome, now that the stream has ended with *end*."""
        problem = end.get("executionError")
        problem = problem if isinstance(problem, str) or not problem else str(problem)
        count, seconds, stopped, state_lost = read_code_facts(
            end.get("executionCount"),
            end.get("executionTime"),
            end.get("stopped"),
            end.get("stateLost"),
        )
        return CodeAnswer(
            success=self.error is None and not problem and end.get("status") != "failed",
            failure=problem or (self.error.value if self.error is not None else ""),
            logs=self.logs,
            results=tuple(self.results),
            error=self.error or (ExecutionError(_PLAIN_ERROR, problem) if problem else None),
            execution_count=count,
            execution_time=seconds,
            stopped=stopped,
            state_lost=state_lost,
        )


def _read_result(found: Any) -> CodeExecutionResult:
    if not isinstance(found, dict):
        return CodeExecutionResult(text=None if found is None else str(found))
    mime = found.get("mime")
    is_main = bool(found.get("isMainResult", found.get("is_main_result")))
    if not isinstance(mime, dict):
        return CodeExecutionResult(is_main_result=is_main)
    return read_result(mime, is_main=is_main, short_names=False)


def _read_error(found: dict[str, Any]) -> ExecutionError:
    code, message, trace_id, traceback = (
        found.get(key) for key in ("code", "message", "traceId", "traceback")
    )
    if not message:
        message = found.get("error")
    if not isinstance(traceback, str) or not traceback:
        traceback = f"traceId={trace_id}" if trace_id else ""
    return ExecutionError(str(code or _PLAIN_ERROR), str(message or ""), traceback)
