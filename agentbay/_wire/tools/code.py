"""Tool ``run_code``, and the forms that its answers have."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, field, frozen, validators

from agentbay._wire.tools.base import Tool, ToolText
from agentbay.models.code import (
    MIME_TYPES,
    VEGALITE_4,
    CodeExecutionResult,
    ExecutionError,
    ExecutionLogs,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = (
    "CODE_LANGUAGES",
    "CODE_STOPS",
    "CodeAnswer",
    "Language",
    "RunCode",
    "read_code_facts",
    "read_result",
)

Language = Literal["python", "javascript", "r", "java"]

CODE_LANGUAGES: dict[str, Language] = {
    "python": "python",
    "py": "python",
    "python3": "python",
    "javascript": "javascript",
    "js": "javascript",
    "node": "javascript",
    "nodejs": "javascript",
    "r": "r",
    "java": "java",
}
"""Every spelling of a language, and its name on the wire."""

CODE_STOPS = frozenset({"timeout", "output_limit", "interrupted", "died"})
"""What ends an execution that does not end by itself."""

_PREFIX = "AgentBay error: "
_UNKNOWN_ERROR = "UnknownError"
_PLAIN_ERROR = "ExecutionError"
_KEYS: dict[str, tuple[str, ...]] = {name: (mime, name) for name, mime in MIME_TYPES.items()}
_KEYS["chart"] = (VEGALITE_4, *_KEYS["chart"])
_ANY_VALUE = frozenset({"json", "chart"})


def read_result(
    found: Mapping[str, Any], *, is_main: bool = False, short_names: bool = True
) -> CodeExecutionResult:
    """Return the result with the forms in *found*, which has them by MIME type.

    Args:
        found: A MIME bundle.
        is_main: Whether it is the main result.
        short_names: Read forms by their short names, too; MIME types come first.
    """
    values: dict[str, Any] = {}
    for name, keys in _KEYS.items():
        read = keys if short_names else [key for key in keys if "/" in key]
        given = [found[key] for key in read if found.get(key) is not None]
        # An empty form counts only where there is no other, as the text of an empty string.
        value = next((each for each in given if each not in ("", [], {})), None)
        values[name] = _form(name, value if value is not None else next(iter(given), None))
    return CodeExecutionResult(**values, is_main_result=is_main)


def _form(name: str, value: Any) -> Any:
    """Return *value* as form *name* can hold it; what it cannot is left out or made text."""
    if name == "chart":
        return value if isinstance(value, dict) else None
    if value is None or name in _ANY_VALUE or isinstance(value, str):
        return value
    return _text(value)


@frozen(kw_only=True)
class CodeAnswer:
    """The outcome of one execution, read from or written as the text of tool ``run_code``.

    Attributes:
        understood: Whether the text had one of the known forms.
        failure: The error message, where the reference has one.
        error: The exception, or what stopped the execution.
        stopped: What ended it, if it did not end by itself.
        state_lost: Whether the kernel was given up with it.
    """

    success: bool = False
    understood: bool = True
    failure: str = ""
    logs: ExecutionLogs = field(factory=ExecutionLogs)
    results: tuple[CodeExecutionResult, ...] = ()
    error: ExecutionError | None = None
    execution_count: int | None = None
    execution_time: float = 0.0
    trace_id: str = ""
    stopped: str = ""
    state_lost: bool = False

    @property
    def summary(self) -> str:
        """The failure in one line: the exception's name and message."""
        if self.error is None:
            return self.failure
        if self.error.name == _PLAIN_ERROR:
            return self.error.value
        return f"{self.error.name}: {self.error.value}" if self.error.value else self.error.name

    @classmethod
    def from_tool(cls, text: str, *, is_error: bool) -> CodeAnswer:
        """Read the *text* of a tool; that of a failed one is its error message as it stands."""
        answer = cls.from_text(text)
        if not is_error:
            return answer
        if answer.understood and answer.error is not None:
            return evolve(answer, success=False, failure=answer.summary)
        return cls(understood=False, failure=text or "Failed to run code")

    @classmethod
    def from_text(cls, text: str) -> CodeAnswer:
        """Read *text*; never fails, for text of no known form is the code's plain output."""
        found = _object(text)
        if found is None:
            found = {"content": [{"text": text}]}
        if not found:
            return cls._not_understood("No data field in response")
        content = _content_text(found)
        inner = _object(content) if content is not None else None
        if inner is not None and ("result" in inner or "executionError" in inner):
            found, content = inner, _content_text(inner)
        if isinstance(found.get("result"), list):
            return cls._from_mime_form(found)
        if found.get("logs") is not None or found.get("results") is not None:
            return cls._from_long_form(found)
        if found.get("isError"):
            return cls._not_understood(f"Error in response: {'; '.join(_all_texts(found))}")
        if content is not None:
            result = CodeExecutionResult(text=content, is_main_result=True)
            return cls(success=True, logs=ExecutionLogs([content]), results=(result,))
        return cls._not_understood("Unknown response format")

    @classmethod
    def _not_understood(cls, problem: str) -> CodeAnswer:
        return cls(understood=False, failure=f"{_PREFIX}{problem}")

    @classmethod
    def _from_mime_form(cls, found: dict[str, Any]) -> CodeAnswer:
        problem = found.get("executionError")
        count, seconds, stopped, state_lost = read_code_facts(
            found.get("execution_count"),
            found.get("execution_time"),
            found.get("stopped"),
            found.get("stateLost"),
        )
        return cls(
            success=not problem and not found.get("isError"),
            logs=ExecutionLogs(_texts(found.get("stdout")), _texts(found.get("stderr"))),
            results=tuple(_mime_item(item) for item in found["result"]),
            error=_read_error(found.get("error"), _text(problem)) if problem else None,
            execution_count=count,
            execution_time=seconds,
            trace_id=_text(found.get("traceId") or ""),
            stopped=stopped,
            state_lost=state_lost,
        )

    @classmethod
    def _from_long_form(cls, found: dict[str, Any]) -> CodeAnswer:
        logs, results, error = (found.get(name) for name in ("logs", "results", "error"))
        count, seconds, _, _ = read_code_facts(
            found.get("execution_count"), found.get("execution_time")
        )
        written = logs if isinstance(logs, dict) else {}
        return cls(
            success=not found.get("isError"),
            logs=ExecutionLogs(_texts(written.get("stdout")), _texts(written.get("stderr"))),
            results=tuple(_long_item(item) for item in results)
            if isinstance(results, list)
            else (),
            error=_read_error(error, "") if isinstance(error, dict) and error else None,
            execution_count=count,
            execution_time=seconds,
        )

    def to_text(self) -> str:
        """Return the form with MIME types, always with all that readers rely on."""
        items = [
            {"isMainResult": item.is_main_result, **item.mime_bundle()} for item in self.results
        ]
        answer: dict[str, Any] = {
            "executionError": "" if self.success else self.summary or _UNKNOWN_ERROR,
            "result": [json.dumps(item, ensure_ascii=False) for item in items],
            "stdout": self.logs.stdout,
            "stderr": self.logs.stderr,
            "execution_time": self.execution_time,
        }
        if self.execution_count is not None:
            answer["execution_count"] = self.execution_count
        if self.error is not None:
            names = ("name", "value", "traceback")
            answer["error"] = {name: getattr(self.error, name) for name in names}
            answer["traceId"] = self.trace_id
        if self.stopped:
            answer["stopped"] = self.stopped
        if self.state_lost:
            answer["stateLost"] = True
        text = json.dumps(answer, ensure_ascii=False)
        # Programs can write halves of surrogate pairs, which do not travel.
        return text.encode(errors="replace").decode()


@frozen(kw_only=True)
class RunCode(Tool):
    """Run code in the session's kernel of a language, where variables live on between calls."""

    tool_name = "run_code"
    server = "wuying_codespace"

    code: str = field(repr=False)
    language: Language
    timeout_s: int = field(default=60, validator=validators.gt(0))

    @classmethod
    def read_text(cls, text: str, *, is_error: bool) -> ToolText:
        """Return the answer as it is, or in one line why the code failed."""
        answer = CodeAnswer.from_tool(text, is_error=is_error)
        if is_error:
            return ToolText(success=False, error_message=answer.failure)
        if answer.understood and not answer.success:
            return ToolText(success=False, error_message=answer.summary or text)
        return ToolText(success=True, data=text)


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _content_text(found: dict[str, Any]) -> str | None:
    content = found.get("content")
    first = content[0] if isinstance(content, list) and content else None
    text = first.get("text") if isinstance(first, dict) else None
    return None if text is None else _text(text)


def _all_texts(found: dict[str, Any]) -> Iterable[str]:
    content = found.get("content")
    for item in content if isinstance(content, list) else ():
        if isinstance(item, dict) and item.get("text") is not None:
            yield _text(item["text"])


def _mime_item(item: Any) -> CodeExecutionResult:
    found = item
    for _ in range(2):  # some services encode twice
        if isinstance(found, str):
            found = _decoded(found)
    if not isinstance(found, dict):
        return CodeExecutionResult(text=_text(item))
    is_main = found.get("isMainResult", found.get("is_main_result"))
    return read_result(found, is_main=bool(is_main))


def _long_item(item: Any) -> CodeExecutionResult:
    if not isinstance(item, dict):
        return CodeExecutionResult(text=_text(item))
    values = {name: _form(name, item.get(name)) for name in MIME_TYPES}
    return CodeExecutionResult(**values, is_main_result=bool(item.get("is_main_result")))


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_error(found: Any, problem: str) -> ExecutionError:
    """Return the exception told by an object, else the one of which only a line is known."""
    if not isinstance(found, dict):
        return ExecutionError(_PLAIN_ERROR, problem)
    name, value, traceback = (_text(found.get(key) or "") for key in ("name", "value", "traceback"))
    return ExecutionError(name or _UNKNOWN_ERROR, value, traceback)


def _texts(found: Any) -> list[str]:
    if isinstance(found, str):
        return [found] if found else []
    return [_text(item) for item in found] if isinstance(found, list) else []


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def read_code_facts(
    count: Any, seconds: Any, stopped: Any = None, state_lost: Any = None
) -> tuple[int | None, float, str, bool]:
    """Return the facts about an execution, each without a value where it cannot be one."""
    return (
        count if isinstance(count, int) and not isinstance(count, bool) else None,
        _seconds(seconds),
        stopped if isinstance(stopped, str) and stopped in CODE_STOPS else "",
        state_lost is True,
    )


def _seconds(found: Any) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0.0
    try:
        seconds = float(found)
    except OverflowError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
