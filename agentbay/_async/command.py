"""Commands in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentbay._async._process_start import not_offered, start_process
from agentbay._wire.processes import StartCommand
from agentbay._wire.tools.shell import Shell, ShellAnswer
from agentbay.errors import SessionError
from agentbay.models.command import CommandResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay._async.running_command import AsyncRunningCommand
    from agentbay._async.session import AsyncSession
    from agentbay.models.session import McpToolResult

__all__ = ("AsyncCommand",)

# What an answer may take beyond the command's own time limit.
ANSWER_GRACE_SECONDS = 30.0
START_SECONDS = 30.0


class AsyncCommand:
    """Runs shell commands in one session.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session in which the commands run."""
        return self._session

    async def execute_command(
        self,
        command: str,
        timeout_ms: int = 50000,
        cwd: str | None = None,
        envs: dict[str, str] | None = None,
    ) -> CommandResult:
        """Run *command* with ``sh`` and wait for its end.

        Failures are results, whatever their cause. A command that needs longer than its limit
        is stopped with all processes of its group, and the result says so.

        Args:
            command: Passed to the shell as it is.
            timeout_ms: Time limit in milliseconds.
            cwd: Directory to run in; the session's home by default.
            envs: Environment variables for this command only.

        Returns:
            The exit status and both output streams. Bytes that are not UTF-8 appear as U+FFFD.

        Raises:
            ValueError: a key or value of *envs* is not a string.
        """
        _check_variables(envs)
        try:
            call = Shell(command=command, timeout_ms=timeout_ms, cwd=cwd, envs=envs)
        except (TypeError, ValueError) as exc:
            return CommandResult.failure(f"Failed to execute command: {exc}")
        result = await self._session.call_mcp_tool(
            Shell.tool_name,
            call.arguments(),
            read_timeout=timeout_ms / 1000 + ANSWER_GRACE_SECONDS,
        )
        return _command_result(result)

    async def start(
        self,
        command: str,
        cwd: str | None = None,
        envs: dict[str, str] | None = None,
        *,
        timeout: float = START_SECONDS,
    ) -> AsyncRunningCommand:
        """Start *command* with ``sh`` in the background and return a handle on it.

        The command ends with the handle: close it, or use it in a ``with`` block.

        Args:
            command: Passed to the shell as it is.
            cwd: Directory to run in; the session's home by default.
            envs: Environment variables for this command only.
            timeout: Seconds to wait for its start.

        Raises:
            ValueError: a key or value of *envs* is not a string.
            CommandError: it could not be started, or the service offers no background commands.
            TimeoutError: it had not started in time.
            TransportError: the connection failed.
        """
        _check_variables(envs)
        try:
            channel = self._session._channel()
        except SessionError as exc:
            raise not_offered(exc) from exc
        parameters = StartCommand(command=command, cwd=cwd, envs=envs)
        return await start_process(channel, parameters, timeout)

    run = execute_command
    exec = execute_command


def _check_variables(envs: Mapping[Any, Any] | None) -> None:
    wrong = []
    for key, value in (envs or {}).items():
        if not isinstance(key, str):
            wrong.append(f"key {key!r} (type: {type(key).__name__})")
        if not isinstance(value, str):
            wrong.append(f"value for key {key!r} (type: {type(value).__name__})")
    if wrong:
        raise ValueError(
            "Invalid environment variables: all keys and values must be strings. "
            f"Found invalid entries: {', '.join(wrong)}"
        )


def _command_result(result: McpToolResult) -> CommandResult:
    if not result.success and not result.is_error and not result.raw:
        return CommandResult(
            request_id=result.request_id,
            error_message=result.error_message,
            exit_code=1,
            exception=result.exception,
        )
    answer = ShellAnswer.from_text(result.raw)
    exit_code = answer.exit_code or int(result.is_error)
    error_message = ""
    if result.is_error:
        error_message = answer.reason or answer.stderr or result.raw
        error_message = error_message or "Failed to execute command"
        if not answer.wrapped:
            error_message = result.raw or "Failed to execute command"
    return CommandResult(
        request_id=result.request_id,
        success=exit_code == 0,
        output=answer.stdout + answer.stderr,
        error_message=error_message,
        exit_code=exit_code,
        stdout=answer.stdout,
        stderr=answer.stderr,
        trace_id=answer.trace_id,
        timed_out=result.is_error and answer.timed_out,
    )
