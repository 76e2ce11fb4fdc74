"""Git repositories in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay._async import _git_output as output
from agentbay._async._git_command import GitCommands, error_of, git_command
from agentbay.models.git import (
    GitBranchListResult,
    GitCloneResult,
    GitCommitResult,
    GitInitResult,
    GitLogResult,
    GitStatusResult,
)

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession

__all__ = ("AsyncGit",)

CLONE_MS = 300_000
PULL_MS = 120_000
RESET_MODES = ("hard", "keep", "merge", "mixed", "soft")
_NO_SUCH_REMOTE = ("no such remote", "没有此远程")


class AsyncGit:
    """Runs git in one session; the repositories are there.

    Every method raises :class:`~agentbay.GitError` or a subclass when git fails, and another
    :class:`~agentbay.AgentBayError` when the session cannot be reached. Names, messages and paths
    reach git exactly as they are given; a name or URL that git would take for an option is a
    ``ValueError``. ``timeout_ms`` is the time limit of the command in milliseconds; 30 seconds by
    default.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._git = GitCommands(session)

    @property
    def session(self) -> AsyncSession:
        """The session in which git runs."""
        return self._session

    async def clone(
        self,
        url: str,
        *,
        path: str | None = None,
        branch: str | None = None,
        depth: int | None = None,
        timeout_ms: int | None = None,
    ) -> GitCloneResult:
        """Clone a repository.

        Args:
            url: Where it is, as seen from the session.
            path: Where to put it; by default a directory of its own name in the home directory.
            branch: The one branch to fetch and check out.
            depth: Number of commits of history; all by default.
            timeout_ms: Five minutes by default.
        """
        place = path or output.clone_path(url)
        arguments = ["clone"]
        if branch:
            arguments += ["--branch", branch, "--single-branch"]
        if depth:
            arguments += ["--depth", str(depth)]
        await self._git.run(
            "clone",
            [*arguments, _plain("url", url), _path(place)],
            timeout_ms=timeout_ms,
            default_ms=CLONE_MS,
        )
        return GitCloneResult(place)

    async def init(
        self,
        path: str,
        *,
        initial_branch: str | None = None,
        bare: bool = False,
        timeout_ms: int | None = None,
    ) -> GitInitResult:
        """Make a repository; one that exists stays as it is."""
        arguments = ["init"]
        if initial_branch:
            arguments += ["--initial-branch", initial_branch]
        if bare:
            arguments.append("--bare")
        await self._git.run("init", [*arguments, _path(path)], timeout_ms=timeout_ms)
        return GitInitResult(path)

    async def add(
        self,
        repo_path: str,
        *,
        files: list[str] | None = None,
        stage_all: bool = True,
        timeout_ms: int | None = None,
    ) -> None:
        """Stage changes.

        Args:
            repo_path: The repository.
            files: What to stage; by default everything.
            stage_all: Without *files*, stage deletions elsewhere in the repository as well.
            timeout_ms: Time limit.
        """
        arguments = ["add", "--", *files] if files else ["add", "-A" if stage_all else "."]
        await self._git.run("add", arguments, repo_path, timeout_ms=timeout_ms)

    async def commit(
        self,
        repo_path: str,
        message: str,
        *,
        author_name: str | None = None,
        author_email: str | None = None,
        allow_empty: bool = False,
        timeout_ms: int | None = None,
    ) -> GitCommitResult:
        """Commit what is staged.

        Args:
            repo_path: The repository.
            message: The message.
            author_name: Author and committer of this commit; the configured one by default.
            author_email: Their address, likewise.
            allow_empty: Also commit when nothing changed.
            timeout_ms: Time limit.
        """
        arguments = []
        if author_name:
            arguments += ["-c", f"user.name={author_name}"]
        if author_email:
            arguments += ["-c", f"user.email={author_email}"]
        arguments += ["commit", "-m", message]
        if allow_empty:
            arguments.append("--allow-empty")
        told = await self._git.run("commit", arguments, repo_path, timeout_ms=timeout_ms)
        return GitCommitResult(output.commit_hash(told))

    async def status(self, repo_path: str, *, timeout_ms: int | None = None) -> GitStatusResult:
        """Return the branch and what changed in the work tree."""
        arguments = ["status", "--porcelain=1", "-b"]
        told = await self._git.run("status", arguments, repo_path, timeout_ms=timeout_ms)
        return output.parse_status(told)

    async def log(
        self, repo_path: str, *, max_count: int | None = None, timeout_ms: int | None = None
    ) -> GitLogResult:
        """Return commits, the newest first.

        Args:
            repo_path: The repository.
            max_count: How many; all by default.
            timeout_ms: Time limit.
        """
        arguments = ["log", f"--format={output.LOG_FORMAT}"]
        if max_count:
            arguments += ["--max-count", str(max_count)]
        told = await self._git.run("log", arguments, repo_path, timeout_ms=timeout_ms)
        return output.parse_log(told)

    async def list_branches(
        self, repo_path: str, *, timeout_ms: int | None = None
    ) -> GitBranchListResult:
        """Return the local branches."""
        arguments = ["branch", f"--format={output.BRANCH_FORMAT}"]
        told = await self._git.run("list_branches", arguments, repo_path, timeout_ms=timeout_ms)
        return output.parse_branches(told)

    async def create_branch(
        self,
        repo_path: str,
        branch: str,
        *,
        checkout: bool = True,
        timeout_ms: int | None = None,
    ) -> None:
        """Make a branch, and check it out unless *checkout* is false."""
        name = _plain("branch", branch)
        arguments = ["checkout", "-b", name] if checkout else ["branch", name]
        await self._git.run("create_branch", arguments, repo_path, timeout_ms=timeout_ms)

    async def checkout_branch(
        self, repo_path: str, branch: str, *, timeout_ms: int | None = None
    ) -> None:
        """Check out a branch, or anything else that git can check out."""
        arguments = ["checkout", _plain("branch", branch)]
        await self._git.run("checkout_branch", arguments, repo_path, timeout_ms=timeout_ms)

    async def delete_branch(
        self, repo_path: str, branch: str, *, force: bool = False, timeout_ms: int | None = None
    ) -> None:
        """Delete a branch; with *force* also one whose commits are in no other."""
        arguments = ["branch", "-D" if force else "-d", _plain("branch", branch)]
        await self._git.run("delete_branch", arguments, repo_path, timeout_ms=timeout_ms)

    async def remote_add(
        self,
        repo_path: str,
        name: str,
        url: str,
        *,
        fetch: bool = False,
        overwrite: bool = False,
        timeout_ms: int | None = None,
    ) -> None:
        """Add a remote.

        Args:
            repo_path: The repository.
            name: Its name.
            url: Where it is.
            fetch: Fetch from it at once.
            overwrite: Change the URL of a remote that exists.
            timeout_ms: Time limit.
        """
        name, url = _plain("remote", name), _plain("url", url)
        arguments = ["remote", "add", *(["-f"] if fetch else []), name, url]
        command = git_command(arguments, repo_path)
        if overwrite:
            command += f" || {git_command(['remote', 'set-url', name, url], repo_path)}"
            if fetch:
                command = f"( {command} ) && {git_command(['fetch', name], repo_path)}"
        await self._git.run_command("remote_add", command, timeout_ms)

    async def remote_get(
        self, repo_path: str, name: str, *, timeout_ms: int | None = None
    ) -> str | None:
        """Return the URL of a remote, ``None`` if there is no such remote."""
        command = git_command(["remote", "get-url", _plain("remote", name)], repo_path)
        result = await self._git.attempt(command, timeout_ms)
        if result.success:
            return (result.stdout or result.output).strip() or None
        stderr = (result.stderr or result.error_message).lower()
        if any(mark in stderr for mark in _NO_SUCH_REMOTE):
            return None
        raise error_of("remote_get", result)

    async def reset(
        self,
        repo_path: str,
        *,
        mode: str | None = None,
        target: str | None = None,
        paths: list[str] | None = None,
        timeout_ms: int | None = None,
    ) -> None:
        """Move the branch, or take paths out of the index.

        Args:
            repo_path: The repository.
            mode: ``soft``, ``mixed``, ``hard``, ``merge`` or ``keep``; git's own by default.
            target: The commit; ``HEAD`` by default.
            paths: Only these.
            timeout_ms: Time limit.

        Raises:
            ValueError: there is no such mode; git was not run.
        """
        if mode and mode not in RESET_MODES:
            raise ValueError(f"Invalid reset mode: '{mode}'. Must be one of {list(RESET_MODES)}")
        arguments = ["reset"]
        if mode:
            arguments.append(f"--{mode}")
        if target:
            arguments.append(_plain("target", target))
        if paths:
            arguments += ["--", *paths]
        await self._git.run("reset", arguments, repo_path, timeout_ms=timeout_ms)

    async def restore(
        self,
        repo_path: str,
        paths: list[str],
        *,
        staged: bool = False,
        worktree: bool | None = None,
        source: str | None = None,
        timeout_ms: int | None = None,
    ) -> None:
        """Bring paths back to a former state.

        Args:
            repo_path: The repository.
            paths: What to restore.
            staged: In the index.
            worktree: In the work tree; by default when *staged* is false.
            source: The commit to take them from.
            timeout_ms: Time limit.
        """
        arguments = ["restore"]
        if worktree or (worktree is None and not staged):
            arguments.append("--worktree")
        if staged:
            arguments.append("--staged")
        if source:
            arguments += ["--source", source]
        arguments += ["--", *paths]
        await self._git.run("restore", arguments, repo_path, timeout_ms=timeout_ms)

    async def pull(
        self,
        repo_path: str,
        *,
        remote: str | None = None,
        branch: str | None = None,
        timeout_ms: int | None = None,
    ) -> None:
        """Fetch and merge.

        Args:
            repo_path: The repository.
            remote: From where; the upstream of the branch by default.
            branch: Which branch of *remote*.
            timeout_ms: Two minutes by default.

        Raises:
            GitConflictError: the merge left conflicts in the work tree.
        """
        arguments = ["pull"]
        if remote:
            arguments.append(_plain("remote", remote))
        if branch:
            arguments.append(_plain("branch", branch))
        await self._git.run("pull", arguments, repo_path, timeout_ms=timeout_ms, default_ms=PULL_MS)

    async def configure_user(
        self,
        repo_path: str,
        name: str,
        email: str,
        *,
        scope: str = "global",
        timeout_ms: int | None = None,
    ) -> None:
        """Set who commits.

        Args:
            repo_path: The repository.
            name: The name.
            email: The address.
            scope: ``local`` for this repository only.
            timeout_ms: Time limit of each of both commands.
        """
        for key, value in (("user.name", name), ("user.email", email)):
            arguments = ["config", _scope(scope), key, value]
            await self._git.run("configure_user", arguments, repo_path, timeout_ms=timeout_ms)

    async def set_config(
        self,
        repo_path: str,
        key: str,
        value: str,
        *,
        scope: str = "global",
        timeout_ms: int | None = None,
    ) -> None:
        """Set an option of git; with *scope* ``local`` for this repository only."""
        arguments = ["config", _scope(scope), _plain("key", key), value]
        await self._git.run("set_config", arguments, repo_path, timeout_ms=timeout_ms)

    async def get_config(
        self, repo_path: str, key: str, *, scope: str = "global", timeout_ms: int | None = None
    ) -> str | None:
        """Return an option of git, ``None`` if it is not set in that *scope*."""
        command = git_command(["config", _scope(scope), "--get", _plain("key", key)], repo_path)
        result = await self._git.attempt(command, timeout_ms)
        if result.success:
            return (result.stdout or result.output).strip() or None
        if result.exit_code == 1 and (
            not result.stderr.strip() or "key does not contain" in result.stderr
        ):
            return None
        raise error_of("get_config", result)


def _scope(scope: str) -> str:
    return "--local" if scope == "local" else "--global"


def _plain(what: str, text: str) -> str:
    """Return *text* unless git would read it as an option; ``-`` alone is a name to git."""
    if text.startswith("-") and text != "-":
        raise ValueError(f"Invalid {what}: {text!r} begins like an option of git")
    return text


def _path(path: str) -> str:
    return f"./{path}" if path.startswith("-") else path
