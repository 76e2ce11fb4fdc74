"""Tool ``shell``."""

from __future__ import annotations

import json
from typing import Any

from attrs import field, frozen, validators

from agentbay._wire.tools.base import Tool, ToolText, tool_error

__all__ = ("TIMEOUT_MARK", "Shell", "ShellAnswer")

TIMEOUT_MARK = "[timeout]"
"""How services say that a command was stopped by its time limit."""


@frozen
class ShellAnswer:
    """The outcome of one command, read from or written as the text of tool ``shell``.

    Attributes:
        wrapped: Whether the text was the JSON form, which tells the streams apart.
        reason: Why the command was stopped, when it did not end by itself.
    """

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    trace_id: str = ""
    reason: str = ""
    wrapped: bool = True

    @property
    def timed_out(self) -> bool:
        """Whether the command's time limit stopped it."""
        if self.wrapped:
            return self.reason.startswith(TIMEOUT_MARK)
        return self.stdout == tool_error(-1, TIMEOUT_MARK)

    @classmethod
    def from_text(cls, text: str) -> ShellAnswer:
        """Read *text*; anything but the JSON form is standard output as it stands."""
        raw = cls(stdout=text, wrapped=False)
        try:
            found = json.loads(text)
        except ValueError:
            return raw
        if not isinstance(found, dict):
            return raw
        exit_code = found.get("exit_code")
        has_code = isinstance(exit_code, int) and not isinstance(exit_code, bool)
        streams = [isinstance(found.get(name), str) for name in ("stdout", "stderr")]
        if not (all(streams) or (has_code and any(streams))):
            return raw
        error_code = found.get("errorCode")
        if not has_code:
            exit_code = error_code if isinstance(error_code, int) else 0
        texts = {name: found.get(name) for name in ("stdout", "stderr", "traceId", "message")}
        texts = {name: text if isinstance(text, str) else "" for name, text in texts.items()}
        return cls(
            int(exit_code or 0),
            texts["stdout"] or "",
            texts["stderr"] or "",
            texts["traceId"] or "",
            texts["message"] or "",
        )

    def to_text(self) -> str:
        """Return the JSON form; both streams are always there, which readers rely on."""
        streams = {"stdout": self.stdout, "stderr": self.stderr}
        if self.exit_code == 0 and not self.reason:
            return json.dumps({"exit_code": 0, **streams}, ensure_ascii=False)
        failed: dict[str, Any] = {"errorCode": self.exit_code, **streams}
        if self.reason:
            failed["message"] = self.reason
        return json.dumps(failed | {"traceId": self.trace_id}, ensure_ascii=False)


@frozen(kw_only=True)
class Shell(Tool):
    """Run a command with sh and return its exit status and both output streams."""

    tool_name = "shell"
    server = "wuying_shell"

    command: str
    timeout_ms: int = field(default=1000, validator=validators.gt(0))
    cwd: str | None = None
    envs: dict[str, str] | None = None

    @classmethod
    def read_text(cls, text: str, *, is_error: bool) -> ToolText:
        """Return the command's standard output, or why it failed."""
        answer = ShellAnswer.from_text(text)
        if not answer.wrapped:
            return super().read_text(text, is_error=is_error)
        if is_error or answer.exit_code:
            reason = answer.reason or answer.stderr
            fallback = text if is_error else f"exit status {answer.exit_code}"
            return ToolText(success=False, error_message=reason or fallback)
        return ToolText(success=True, data=answer.stdout)
