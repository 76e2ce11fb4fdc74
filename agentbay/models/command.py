"""Commands: what one writes and leaves behind."""

from __future__ import annotations

from typing import Literal

from attrs import define, field, frozen

from agentbay.errors import CommandError, CommandFailedError
from agentbay.models.results import ApiResponse, Outcome

__all__ = ("CommandOutput", "CommandResult")


@frozen
class CommandOutput:
    """A piece of what a background command wrote, as it came.

    Attributes:
        stream: Which of its two streams.
        data: The bytes; a character of text may begin in one piece and end in the next.
    """

    stream: Literal["stdout", "stderr"]
    data: bytes

    @property
    def text(self) -> str:
        """The bytes as UTF-8; what is not, characters cut by the end included, becomes U+FFFD."""
        return self.data.decode("utf-8", "replace")


@define
class CommandResult(ApiResponse, Outcome):
    """The outcome of one command.

    Attributes:
        success: Whether it ran and ended with exit status 0.
        output: Standard output followed by standard error.
        exit_code: Its exit status; -1 when it was stopped because of a limit.
        stdout: What it wrote to standard output. Bytes that are not UTF-8 appear as U+FFFD.
        stderr: What it wrote to standard error, likewise.
        trace_id: The service's id for a failed command.
        timed_out: Whether its time limit stopped it.
    """

    error_class = CommandError

    success: bool = False
    output: str = ""
    error_message: str = ""
    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    trace_id: str = ""
    timed_out: bool = field(default=False, kw_only=True)

    def unwrap(self) -> CommandResult:
        """Return this result, or raise the error of a failed one.

        Raises:
            CommandFailedError: the command ran and ended with a non-zero exit status.
            AgentBayError: it could not be run.
        """
        if not self.success and self.exception is None and self.exit_code:
            reason = self.error_message or self.stderr.strip() or "no message"
            raise CommandFailedError(
                f"The command ended with exit status {self.exit_code}: {reason}",
                exit_code=self.exit_code,
                stdout=self.stdout,
                stderr=self.stderr,
            )
        self.raise_for_error()
        return self
