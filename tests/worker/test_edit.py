"""Edits inside a real sandbox."""

from __future__ import annotations

import pytest

from agentbay.local.sandbox.base import Sandbox, WorkerError
from agentbay.local.worker.edit import MAX_EDIT_BYTES
from tests.worker.support import call, read, sh


def edits(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"old_text": old, "new_text": new} for old, new in pairs]


async def failure(sandbox: Sandbox, path: str, *pairs: tuple[str, str]) -> str:
    with pytest.raises(WorkerError) as caught:
        await call(sandbox, "edit_file", path=path, edits=edits(*pairs))
    return f"{caught.value.code}: {caught.value}"


async def test_each_edit_replaces_the_first_match_in_order(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/file"
    await call(sandbox, "write_file", b"a a a", path=path)
    steps = edits(("a", "b"), ("b a", "c"), ("a", "b"))
    reply = await call(sandbox, "edit_file", path=path, edits=steps)
    assert await read(sandbox, path) == b"c b"
    assert reply.blobs["diff"] == b"-a\n+b\n-b a\n+c\n-a\n+b"


async def test_a_dry_run_changes_nothing(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/file"
    await call(sandbox, "write_file", b"off", path=path)
    reply = await call(
        sandbox, "edit_file", path=path, edits=edits(("off", "on\nnow")), dry_run=True
    )
    assert await read(sandbox, path) == b"off"
    assert reply.blobs["diff"] == b"-off\n+on\n+now"


async def test_an_edit_without_a_match_leaves_the_file_alone(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/file"
    await call(sandbox, "write_file", b"one two", path=path)
    assert await failure(sandbox, path, ("one", "1"), ("three", "3")) == (
        f"invalid_argument: Failed to edit file: {path}, error: "
        "Edit 2: its old text is not in the file"
    )
    assert "empty" in await failure(sandbox, path, ("", "x"))
    assert "Unicode" in await failure(sandbox, path, ("one", "\ud800"))
    assert await read(sandbox, path) == b"one two"


async def test_bytes_that_are_no_text_and_the_mode_stay(sandbox: Sandbox, folder: str) -> None:
    await sh(
        sandbox, r"printf 'a\377\000é\r\nz' >file; chmod 750 file; ln -s file link", cwd=folder
    )
    await call(sandbox, "edit_file", path=f"{folder}/link", edits=edits(("é\r\n", "世\n")))
    assert await read(sandbox, f"{folder}/file") == b"a\xff\0" + "世\nz".encode()
    assert (await sh(sandbox, "stat -c %a file; test -L link", cwd=folder)).stdout == "750\n"


async def test_what_cannot_be_edited(sandbox: Sandbox, folder: str) -> None:
    await sh(
        sandbox,
        f"echo x >shut; chmod 444 shut; mkfifo fifo; truncate -s {MAX_EDIT_BYTES + 1} big",
        cwd=folder,
    )
    for name, expected in {
        "nope": "not_found: Failed to edit file: {}, error: No such file or directory",
        ".": "is_a_directory: Failed to edit file: {}, error: Is a directory",
        "shut": "permission_denied: Failed to edit file: {}, error: Permission denied",
        "fifo": "invalid_argument: Failed to edit file: {}, error: Not a regular file",
        "big": f"too_large: Failed to edit file: {{}}, error: more than {MAX_EDIT_BYTES} bytes",
    }.items():
        path = f"{folder}/{name}"
        assert await failure(sandbox, path, ("x", "y")) == expected.format(path)
