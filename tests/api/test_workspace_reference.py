"""Every member about commands, files, variables, git and terminals, with its parameters.

File transfer is in `test_context_reference`, code in `test_code_reference`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import pytest

import agentbay
from agentbay import (
    AsyncCommand,
    AsyncEnv,
    AsyncFileSystem,
    AsyncGit,
    AsyncPty,
    AsyncPtyHandle,
    Command,
    Env,
    FileSystem,
    Git,
    Pty,
    PtyHandle,
)
from tests.api.test_reference import parameters_of

TIMEOUT = "timeout_ms=None"
EXECUTE = "command, timeout_ms=50000, cwd=None, envs=None"
COMMAND: Mapping[str, str] = {"execute_command": EXECUTE, "run": EXECUTE, "exec": EXECUTE}
FILES: Mapping[str, str] = {
    "create_directory": "path",
    "delete_file": "path",
    "delete": "path",
    "remove": "path",
    "rm": "path",
    "edit_file": "path, edits, dry_run=False",
    "get_file_info": "path",
    "list_directory": "path",
    "list": "path",
    "ls": "path",
    "move_file": "source, destination",
    "read_file": "path, format='text'",
    "read": "path",
    "read_multiple_files": "paths",
    "search_files": "path, pattern, exclude_patterns=None",
    "write_file": "path, content, mode='overwrite'",
    "write": "path, content, mode='overwrite'",
    "watch_directory": "path, callback, interval=0.5, stop_event=None",
}
ENV: Mapping[str, str] = {"set": "envs", "get": "keys=None"}
GIT: Mapping[str, str] = {
    "clone": f"url, path=None, branch=None, depth=None, {TIMEOUT}",
    "init": f"path, initial_branch=None, bare=False, {TIMEOUT}",
    "add": f"repo_path, files=None, stage_all=True, {TIMEOUT}",
    "commit": (
        f"repo_path, message, author_name=None, author_email=None, allow_empty=False, {TIMEOUT}"
    ),
    "status": f"repo_path, {TIMEOUT}",
    "log": f"repo_path, max_count=None, {TIMEOUT}",
    "list_branches": f"repo_path, {TIMEOUT}",
    "create_branch": f"repo_path, branch, checkout=True, {TIMEOUT}",
    "checkout_branch": f"repo_path, branch, {TIMEOUT}",
    "delete_branch": f"repo_path, branch, force=False, {TIMEOUT}",
    "remote_add": f"repo_path, name, url, fetch=False, overwrite=False, {TIMEOUT}",
    "remote_get": f"repo_path, name, {TIMEOUT}",
    "reset": f"repo_path, mode=None, target=None, paths=None, {TIMEOUT}",
    "restore": f"repo_path, paths, staged=False, worktree=None, source=None, {TIMEOUT}",
    "pull": f"repo_path, remote=None, branch=None, {TIMEOUT}",
    "configure_user": f"repo_path, name, email, scope='global', {TIMEOUT}",
    "set_config": f"repo_path, key, value, scope='global', {TIMEOUT}",
    "get_config": f"repo_path, key, scope='global', {TIMEOUT}",
}
PTY: Mapping[str, str] = {
    "create": ("cols=80, rows=24, cwd=None, envs=None, shell=None, on_data=None, timeout_s=None"),
    "list": "",
    "connect": "pty_session_id, on_data=None",
    "kill": "pty_session_id",
}
HANDLE: Mapping[str, str] = {
    "send_input": "data",
    "resize": "cols, rows",
    "kill": "",
    "wait": "timeout_s=None",
    "disconnect": "",
}
PLAIN = {"watch_directory", "disconnect"}
MEMBERS = [
    (cls, name, parameters)
    for classes, members in (
        ((Command, AsyncCommand), COMMAND),
        ((FileSystem, AsyncFileSystem), FILES),
        ((Env, AsyncEnv), ENV),
        ((Git, AsyncGit), GIT),
        ((Pty, AsyncPty), PTY),
        ((PtyHandle, AsyncPtyHandle), HANDLE),
    )
    for cls in classes
    for name, parameters in members.items()
]
RESULTS: Mapping[str, str] = {
    "CommandResult": "success output error_message exit_code stdout stderr trace_id",
    "EnvResult": "success envs error_message",
    "FileInfoResult": "success file_info error_message",
    "DirectoryListResult": "success entries error_message",
    "FileContentResult": "success content error_message",
    "MultipleFileContentResult": "success contents error_message",
    "FileSearchResult": "success matches error_message",
    "BinaryFileContentResult": "success content error_message content_type size",
    "FileChangeResult": "success events raw_data error_message",
}
PAYLOADS: Mapping[str, str] = {
    "FileChangeEvent": "event_type path path_type",
    "PtySession": "pty_session_id cols rows status exit_code",
    "GitCloneResult": "path",
    "GitInitResult": "path",
    "GitCommitResult": "commit_hash",
    "GitFileStatus": "path status index_status work_tree_status staged renamed_from",
    "GitStatusResult": "current_branch upstream ahead behind detached files",
    "GitLogEntry": "hash short_hash author_name author_email date message",
    "GitLogResult": "entries",
    "GitBranchInfo": "name is_current",
    "GitBranchListResult": "branches current",
}


@pytest.mark.parametrize(("cls", "name", "parameters"), MEMBERS)
def test_member(cls: type, name: str, parameters: str) -> None:
    member = inspect.getattr_static(cls, name)
    assert parameters_of(member) == parameters
    is_async = cls.__name__.startswith("Async") and name not in PLAIN
    assert inspect.iscoroutinefunction(member) == is_async


@pytest.mark.parametrize("name", RESULTS)
def test_result_class(name: str) -> None:
    cls = getattr(agentbay, name)
    parameters = inspect.signature(cls).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["request_id", *RESULTS[name].split()]
    failed = cls.failure("why")
    assert (failed.success, failed.error_message, failed.get_request_id()) == (False, "why", "")
    assert not failed
    with pytest.raises(agentbay.AgentBayError, match="why"):
        failed.unwrap()


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_class(name: str) -> None:
    assert list(inspect.signature(getattr(agentbay, name)).parameters) == PAYLOADS[name].split()


def test_properties_of_a_terminal() -> None:
    for cls in (PtyHandle, AsyncPtyHandle):
        for name in ("pty_session_id", "is_connected", "exit_code"):
            assert isinstance(inspect.getattr_static(cls, name), property)


def test_changes_by_their_kind() -> None:
    events = [
        agentbay.FileChangeEvent(kind, f"/{kind}-{path_type}", path_type)
        for kind in ("create", "modify", "delete")
        for path_type in ("file", "directory")
    ]
    result = agentbay.FileChangeResult("r", True, events, "[]")
    assert result.has_changes()
    assert result.get_created_files() == ["/create-file"]
    assert result.get_modified_files() == ["/modify-file"]
    assert result.get_deleted_files() == ["/delete-file"]
    assert not agentbay.FileChangeResult().has_changes()
    assert repr(events[0]) == (
        "FileChangeEvent(event_type='create', path='/create-file', path_type='file')"
    )
    assert events[0].to_dict() == {
        "eventType": "create",
        "path": "/create-file",
        "pathType": "file",
    }
