"""Running git in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async._git_output import failure
from agentbay.errors import GitError, GitNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentbay._async.session import AsyncSession
    from agentbay.models.command import CommandResult

__all__ = ("GitCommands", "git_command")

DEFAULT_MS = 30_000
# Nobody is there to answer a prompt, and what git says is read by programs.
_VARIABLES = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_NOT_INSTALLED = (
    "Git is not installed or not available on the remote environment. "
    "Please ensure git is installed in the session image."
)


def git_command(arguments: Sequence[str], repository: str | None = None) -> str:
    """Return the shell command that runs git with exactly these *arguments*."""
    place = f"-C {_quoted(repository)} " if repository is not None else ""
    return f"git {place}{' '.join(map(_quoted, arguments))}"


def _quoted(text: str) -> str:
    # Always, and not only where shlex.quote() sees a need: services get the same command from all.
    escaped = text.replace("'", r"'\''")
    return f"'{escaped}'"


class GitCommands:
    """Runs git commands in one session, and turns their failures into errors."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._available = False

    async def run(
        self,
        operation: str,
        arguments: Sequence[str],
        repository: str | None = None,
        *,
        timeout_ms: int | None = None,
        default_ms: int = DEFAULT_MS,
    ) -> str:
        """Run git and return its standard output.

        Raises:
            GitError: it failed; the subclass says in what way.
        """
        command = git_command(arguments, repository)
        return await self.run_command(operation, command, timeout_ms or default_ms)

    async def run_command(self, operation: str, command: str, timeout_ms: int | None) -> str:
        """Run a whole *command* and return its standard output.

        Raises:
            GitError: it failed; the subclass says in what way.
        """
        result = await self.attempt(command, timeout_ms)
        if not result.success:
            raise error_of(operation, result)
        return result.stdout or result.output

    async def attempt(self, command: str, timeout_ms: int | None) -> CommandResult:
        """Run a whole *command* and return its outcome.

        Raises:
            GitNotFoundError: there is no git.
            AgentBayError: the session cannot be reached.
        """
        if not self._available:
            version = await self._execute(git_command(["--version"]), DEFAULT_MS)
            if not version.success:
                stderr = version.stderr or version.error_message
                code = version.exit_code or GitNotFoundError.default_exit_code
                raise GitNotFoundError(_NOT_INSTALLED, code, stderr)
            self._available = True
        return await self._execute(command, timeout_ms or DEFAULT_MS)

    async def _execute(self, command: str, timeout_ms: int) -> CommandResult:
        result = await self._session.command.execute_command(
            command, timeout_ms=timeout_ms, envs=_VARIABLES
        )
        if result.exception is not None:
            # Not git failed: whether it ran at all is not known.
            raise result.exception
        return result


def error_of(operation: str, result: CommandResult) -> GitError:
    """Return the error that a failed command stands for."""
    stderr = result.stderr or result.error_message
    if result.timed_out:
        stderr = result.error_message or stderr
    return failure(operation, result.exit_code, stderr, result.stdout)
