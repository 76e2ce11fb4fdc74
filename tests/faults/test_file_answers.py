"""What the members about files, variables and git make of each answer: the exact words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from agentbay import (
    AgentBayError,
    AsyncSession,
    Config,
    FileError,
    GitAuthError,
    GitConflictError,
    GitError,
    GitNotARepoError,
    GitNotFoundError,
    TransportError,
)
from tests.conftest import ConnectFunction
from tests.servers import ONCE, Answer, ScriptedServer, Then, http

CREATED = {"RequestId": "r-1", "Success": True, "Data": {"SessionId": "s-1"}}
MEMBERS: Mapping[str, tuple[str, tuple[Any, ...], str]] = {
    "create_directory": ("create_directory", ("/p",), ""),
    "delete_file": ("delete_file", ("/p",), ""),
    "edit_file": ("edit_file", ("/p", []), ""),
    "get_file_info": ("get_file_info", ("/p",), "Failed to get file info"),
    "list_directory": ("list_directory", ("/p",), "Failed to list directory"),
    "move_file": ("move_file", ("/p", "/q"), "Failed to move file"),
    "read_file": ("read_file", ("/p",), "Failed to read file"),
    "read_bytes": ("read_bytes", ("/p",), "Failed to read file"),
    "read_multiple_files": (
        "read_multiple_files",
        (["/p"],),
        "Failed to read multiple files",
    ),
    "search_files": ("search_files", ("/p", "*"), "Failed to search files"),
    "write_file": ("write_file", ("/p", "x"), "Failed to write file"),
    "write_bytes": ("write_bytes", ("/p", b"x"), "Failed to write file"),
}


def ok(body: object) -> Answer:
    return Answer(http(json.dumps(body)), Then.KEEP)


def tool(text: str, *, is_error: bool = False) -> Answer:
    """Return the answer of a tool through the API."""
    payload = {"content": [{"type": "text", "text": text}], "isError": is_error}
    return ok({"RequestId": "r-tool", "Success": True, "Data": payload})


def command(exit_code: int, stdout: str = "", stderr: str = "") -> Answer:
    found = {"exit_code": exit_code, "stdout": stdout, "stderr": stderr}
    return tool(json.dumps(found), is_error=exit_code != 0)


@contextlib.asynccontextmanager
async def scripted(connect: ConnectFunction, *answers: Answer) -> AsyncIterator[AsyncSession]:
    """A session without a direct route, whose calls get these answers."""
    async with (
        ScriptedServer([ok(CREATED), *answers]).running() as server,
        connect("key", Config(endpoint=server.endpoint, timeout_ms=5000, retry=ONCE)) as bay,
    ):
        yield (await bay.create()).unwrap()


@pytest.mark.parametrize("name", MEMBERS)
async def test_the_text_of_a_failed_tool_is_the_message(
    connect: ConnectFunction, name: str
) -> None:
    member, arguments, _ = MEMBERS[name]
    text = "Execution failed. Error code:-32602 Error message: nope"
    async with scripted(connect, tool(text, is_error=True)) as session:
        result = await getattr(session.file_system, member)(*arguments)
        assert (result.success, result.error_message) == (False, text)
        assert result.request_id == "r-tool"
        with pytest.raises(FileError, match="nope"):
            result.unwrap()


@pytest.mark.parametrize("name", MEMBERS)
async def test_a_silent_failure_gets_the_documented_words(
    connect: ConnectFunction, name: str
) -> None:
    member, arguments, fallback = MEMBERS[name]
    async with scripted(connect, tool("", is_error=True)) as session:
        result = await getattr(session.file_system, member)(*arguments)
        assert (result.success, result.error_message) == (False, fallback)
        with pytest.raises(AgentBayError):
            result.unwrap()


@pytest.mark.parametrize("name", MEMBERS)
async def test_a_lost_answer_is_a_failure(connect: ConnectFunction, name: str) -> None:
    member, arguments, _ = MEMBERS[name]
    broken = Answer(http("{}", length=100), Then.CLOSE)
    async with scripted(connect, broken) as session:
        result = await getattr(session.file_system, member)(*arguments)
        assert not result.success
        assert result.error_message
        with pytest.raises(AgentBayError):
            result.unwrap()


@pytest.mark.parametrize("text", ["anything", "", "Successfully wrote", '{"ok": false}'])
async def test_successes_carry_true_whatever_the_text(connect: ConnectFunction, text: str) -> None:
    async with scripted(connect, tool(text)) as session:
        fs = session.file_system
        edits = [{"oldText": "a", "newText": "b"}]
        for result in (
            await fs.create_directory("/p"),
            await fs.delete_file("/p"),
            await fs.edit_file("/p", edits),
            await fs.move_file("/p", "/q"),
            await fs.write_file("/p", "x"),
        ):
            assert (result.success, result.data, result.error_message) == (True, True, "")


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("isDirectory: true\nsize: 4096", "Path does not exist or is a directory: /p"),
        ("", "Path does not exist or is a directory: /p"),
        ("no facts", "Path does not exist or is a directory: /p"),
        ("size: big", "Failed to read file: the size of /p is told as 'big'"),
        ("size: 1.5", "Failed to read file: the size of /p is told as 1.5"),
    ],
)
async def test_facts_that_allow_no_reading(
    connect: ConnectFunction, info: str, message: str
) -> None:
    async with scripted(connect, tool(info)) as session:
        for member in (session.file_system.read_text, session.file_system.read_bytes):
            result = await member("/p")
            assert (result.success, result.error_message) == (False, message)
            assert result.request_id == "r-tool"


async def test_an_empty_file_is_not_read(connect: ConnectFunction) -> None:
    async with scripted(connect, tool("size: 0"), tool("asked for nothing")) as session:
        assert (await session.file_system.read_text("/p")).unwrap() == ""


async def test_a_piece_that_cannot_be_read_fails_the_whole(connect: ConnectFunction) -> None:
    answers = (tool("size: 120000"), tool("x" * 51200), tool("gone", is_error=True))
    async with scripted(connect, *answers) as session:
        result = await session.file_system.read_text("/p")
        assert (result.success, result.content, result.error_message) == (False, "", "gone")


async def test_a_file_that_becomes_shorter_ends_there(connect: ConnectFunction) -> None:
    answers = (tool("size: 900000"), tool("x" * 51200), tool(""))
    async with scripted(connect, *answers) as session:
        assert (await session.file_system.read_text("/p")).content == "x" * 51200


@pytest.mark.parametrize("text", ["A", "é", "AAAAA"])
async def test_bytes_that_are_no_base64(connect: ConnectFunction, text: str) -> None:
    async with scripted(connect, tool("size: 3"), tool(text)) as session:
        result = await session.file_system.read_bytes("/p")
        assert result.error_message.startswith("Failed to decode base64: ")
        assert (result.success, result.content, result.size) == (False, b"", None)
        with pytest.raises(FileError):
            result.unwrap()


async def test_a_long_write_that_fails_says_so(connect: ConnectFunction) -> None:
    async with scripted(connect, tool("ok"), tool("disk full", is_error=True)) as session:
        result = await session.file_system.write_file("/p", "x" * 60_000)
        assert (result.success, result.error_message) == (False, "disk full")


async def test_variables(connect: ConnectFunction) -> None:
    async with scripted(connect, tool("no", is_error=True)) as session:
        failed = await session.env.set({"A": "b"})
        assert (failed.success, failed.data, failed.error_message) == (False, False, "no")
        assert (await session.env.get()).error_message == "no"
    async with scripted(connect, tool("not JSON")) as session:
        found = await session.env.get()
        assert (found.success, found.envs) == (True, {})
        assert [(tool.name, tool.server) for tool in session.mcp_tools] == [
            ("get_env", "wuying_system")
        ]


async def test_watching_through_hostile_answers(connect: ConnectFunction) -> None:
    change = '[5, {"eventType": "modify", "path": "/w/f", "pathType": "file"}]'
    async with (
        scripted(connect, tool("[]"), tool("no json"), tool(change)) as session,
        session.file_system.watch("/w", interval=0.001) as changes,
    ):
        assert (await changes.__anext__()).path == "/w/f"


VERSION = command(0, "git version 2")
GIT_FAILURES: Mapping[str, tuple[type[GitError], str]] = {
    "fatal: Authentication failed for 'x'": (GitAuthError, "authentication error"),
    "fatal: could not read Username for 'x'": (GitAuthError, "authentication error"),
    "git@host: Permission denied (publickey).": (GitAuthError, "authentication error"),
    "The requested URL returned error: 403": (GitAuthError, "authentication error"),
    "fatal: not a git repository: permission denied": (GitAuthError, "authentication error"),
    "fatal: Not a git repository (or any parent)": (GitNotARepoError, "not a git repository"),
    "'x' does not appear to be a git repository": (GitNotARepoError, "not a git repository"),
    "CONFLICT (content): Merge conflict in a": (GitConflictError, "merge conflict"),
    "Automatic merge failed; fix conflicts": (GitConflictError, "merge conflict"),
    "sh: 1: git: not found": (GitNotFoundError, "git not found"),
    "bash: git: command not found": (GitNotFoundError, "git not found"),
}


@pytest.mark.parametrize("stderr", GIT_FAILURES)
async def test_failures_of_git_are_told_apart(connect: ConnectFunction, stderr: str) -> None:
    kind, reason = GIT_FAILURES[stderr]
    async with scripted(connect, VERSION, command(5, "", stderr)) as session:
        with pytest.raises(GitError) as caught:
            await session.git.add("repo")
    assert type(caught.value) is kind
    assert str(caught.value) == f"Git add failed: {reason}. {stderr}"
    assert (caught.value.exit_code, caught.value.stderr) == (5, stderr)


async def test_other_failures_of_git(connect: ConnectFunction) -> None:
    async with scripted(connect, VERSION, command(3, "", "conflict")) as session:
        with pytest.raises(GitError, match=r"^Git pull failed \(exit code 3\): conflict$"):
            await session.git.pull("repo")
    async with scripted(connect, VERSION, command(127)) as session:
        with pytest.raises(GitNotFoundError):
            await session.git.pull("repo")
    async with scripted(connect, Answer(http("{}", length=100), Then.CLOSE)) as session:
        with pytest.raises(TransportError):  # whether git ran at all is not known
            await session.git.pull("repo")
