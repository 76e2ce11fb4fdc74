"""The file methods inside a real sandbox."""

from __future__ import annotations

import os
import time

import pytest

from agentbay.local.sandbox.base import Sandbox, WorkerError
from agentbay.local.worker.files import MAX_READ_BYTES
from tests.worker.support import call, read, sh


async def failure(sandbox: Sandbox, method: str, payload: bytes = b"", **params: object) -> str:
    """Return ``code: message`` of a call that has to fail."""
    with pytest.raises(WorkerError) as caught:
        await call(sandbox, method, payload, **params)
    return f"{caught.value.code}: {caught.value}"


async def test_write_and_read(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/new/deep/file.bin"
    data = bytes(range(256))
    assert (await call(sandbox, "write_file", data, path=path)).result == {"bytes_written": 256}
    assert await read(sandbox, path) == data


async def test_five_megabytes(sandbox: Sandbox, folder: str) -> None:
    data = os.urandom(5_000_000)
    await call(sandbox, "write_file", data, path=f"{folder}/big")
    reply = await call(sandbox, "read_file", path=f"{folder}/big")
    assert reply.result == {"size": 5_000_000}
    assert reply.blobs["content"] == data


async def test_an_empty_file(sandbox: Sandbox, folder: str) -> None:
    await call(sandbox, "write_file", path=f"{folder}/empty")
    assert await read(sandbox, f"{folder}/empty") == b""


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 0, b"0123456789"), (3, 0, b"3456789"), (3, 4, b"3456"), (8, 5, b"89"), (10, 3, b"")],
)
async def test_slices(
    sandbox: Sandbox, folder: str, offset: int, length: int, expected: bytes
) -> None:
    await call(sandbox, "write_file", b"0123456789", path=f"{folder}/digits")
    assert await read(sandbox, f"{folder}/digits", offset=offset, length=length) == expected


async def test_relative_paths_start_at_home(sandbox: Sandbox, folder: str) -> None:
    await call(sandbox, "write_file", b"x", path=f"{folder}/file")
    relative = folder.removeprefix(f"{sandbox.home}/")
    assert await read(sandbox, f"{relative}/file") == b"x"


async def test_files_that_claim_to_be_empty_are_read_to_the_end(sandbox: Sandbox) -> None:
    assert b"processor" in await read(sandbox, "/proc/cpuinfo")


async def test_append(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/sub/log"
    await call(sandbox, "write_file", b"one\n", path=path, mode="append")
    await call(sandbox, "write_file", b"two\n", path=path, mode="append")
    assert await read(sandbox, path) == b"one\ntwo\n"


async def test_overwrite_keeps_the_mode(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "echo old >script; chmod 751 script", cwd=folder)
    await call(sandbox, "write_file", b"new", path=f"{folder}/script")
    assert (await sh(sandbox, "stat -c %a script; cat script", cwd=folder)).stdout == "751\nnew"


async def test_new_files_have_the_usual_mode(sandbox: Sandbox, folder: str) -> None:
    await call(sandbox, "write_file", b"new", path=f"{folder}/plain")
    assert (await sh(sandbox, "stat -c %a plain", cwd=folder)).stdout == "644\n"


async def test_overwrite_is_seen_whole_or_not_at_all(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "echo old >file; exec 3<file; ln file hard", cwd=folder)
    await call(sandbox, "write_file", b"new", path=f"{folder}/file")
    assert await read(sandbox, f"{folder}/hard") == b"old\n"
    listing = await call(sandbox, "list_directory", path=folder)
    assert [entry["name"] for entry in listing.result["entries"]] == ["file", "hard"]


async def test_overwrite_goes_through_links(sandbox: Sandbox, folder: str) -> None:
    await sh(
        sandbox, "mkdir a; echo old >a/target; ln -s a/target link; ln -s link two", cwd=folder
    )
    await call(sandbox, "write_file", b"new", path=f"{folder}/two")
    assert await read(sandbox, f"{folder}/a/target") == b"new"
    assert (await sh(sandbox, "readlink two link", cwd=folder)).stdout == "link\na/target\n"


async def test_overwrite_creates_the_target_of_a_dangling_link(
    sandbox: Sandbox, folder: str
) -> None:
    await sh(sandbox, "ln -s later link", cwd=folder)
    await call(sandbox, "write_file", b"new", path=f"{folder}/link")
    assert await read(sandbox, f"{folder}/later") == b"new"


async def test_protected_files_stay(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "echo old >file; chmod 444 file", cwd=folder)
    path = f"{folder}/file"
    for mode in ("overwrite", "append"):
        assert await failure(sandbox, "write_file", b"x", path=path, mode=mode) == (
            f"permission_denied: Failed to write file: {path}, error: Permission denied"
        )
    assert await read(sandbox, path) == b"old\n"


async def test_failed_writes_leave_nothing(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "mkdir closed; chmod 555 closed", cwd=folder)
    assert "permission_denied" in await failure(
        sandbox, "write_file", b"x", path=f"{folder}/closed/file"
    )
    assert (await call(sandbox, "list_directory", path=f"{folder}/closed")).result["entries"] == []


@pytest.mark.parametrize("mode", ["overwrite", "append"])
async def test_writing_to_what_is_no_file(sandbox: Sandbox, folder: str, mode: str) -> None:
    await sh(sandbox, "mkfifo fifo; mkdir directory", cwd=folder)
    assert "is_a_directory" in await failure(
        sandbox, "write_file", b"x", path=f"{folder}/directory", mode=mode
    )
    assert "is_a_directory" in await failure(
        sandbox, "write_file", b"x", path=f"{folder}/trailing/", mode=mode
    )
    for special in (f"{folder}/fifo", "/dev/null"):
        text = await failure(sandbox, "write_file", b"x", path=special, mode=mode)
        assert text.split(":")[0] in ("invalid_argument", "io_error")
    assert (await sh(sandbox, "test -p fifo && test -c /dev/null", cwd=folder)).exit_code == 0


async def test_a_file_in_the_place_of_a_parent(sandbox: Sandbox, folder: str) -> None:
    await call(sandbox, "write_file", b"x", path=f"{folder}/file")
    text = await failure(sandbox, "write_file", b"x", path=f"{folder}/file/below")
    assert text.split(":")[0] in ("not_a_directory", "already_exists")


async def test_read_failures(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "mkfifo fifo; ln -s loop loop; echo x >closed; chmod 000 closed", cwd=folder)
    started = time.monotonic()
    expected = {
        "/nope": "not_found: Failed to read file: /nope, error: No such file or directory",
        folder: f"is_a_directory: Failed to read file: {folder}, error: Is a directory",
        f"{folder}/fifo": (
            f"invalid_argument: Failed to read file: {folder}/fifo, error: Not a regular file"
        ),
        "/dev/zero": "invalid_argument: Failed to read file: /dev/zero, error: Not a regular file",
        f"{folder}/closed": (
            f"permission_denied: Failed to read file: {folder}/closed, error: Permission denied"
        ),
        f"{folder}/loop": (
            f"invalid_argument: Failed to read file: {folder}/loop, "
            "error: Too many levels of symbolic links"
        ),
    }
    for path, message in expected.items():
        assert await failure(sandbox, "read_file", path=path) == message
    assert time.monotonic() - started < 5


async def test_reads_that_are_too_large_name_the_remedy(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/sparse"
    await sh(sandbox, f"truncate -s {MAX_READ_BYTES + 1} {path}")
    text = await failure(sandbox, "read_file", path=path)
    assert text.startswith("too_large: ")
    assert "offset and length" in text
    assert await read(sandbox, path, offset=MAX_READ_BYTES - 1, length=10) == b"\0\0"


@pytest.mark.parametrize("path", ["", "a\0b", 5, None], ids=repr)
async def test_invalid_paths(sandbox: Sandbox, path: object) -> None:
    for method in ("read_file", "write_file", "list_directory", "get_file_info", "delete_file"):
        assert (await failure(sandbox, method, path=path)).startswith("invalid_argument: path: ")


async def test_invalid_numbers_and_modes(sandbox: Sandbox) -> None:
    assert "offset" in await failure(sandbox, "read_file", path="/etc/passwd", offset=-1)
    assert "length" in await failure(sandbox, "read_file", path="/etc/passwd", length=1.5)
    assert "mode" in await failure(sandbox, "write_file", path="/tmp/x", mode="truncate")


async def test_very_long_paths(sandbox: Sandbox) -> None:
    text = await failure(sandbox, "read_file", path="/x" * 50_000)
    assert text.startswith("invalid_argument: ")
    assert text.endswith("File name too long")


async def test_list_directory(sandbox: Sandbox, folder: str) -> None:
    await sh(
        sandbox,
        "mkdir dir; echo >file; ln -s dir todir; ln -s file tofile; ln -s no broken; mkfifo pipe; "
        r"touch .hidden 'with space' 'with\backslash' -- '-dash'",
        cwd=folder,
    )
    entries = (await call(sandbox, "list_directory", path=folder)).result["entries"]
    assert [(entry["name"], entry["type"], entry["is_directory"]) for entry in entries] == [
        ("-dash", "file", False),
        (".hidden", "file", False),
        ("broken", "symlink", False),
        ("dir", "directory", True),
        ("file", "file", False),
        ("pipe", "other", False),
        ("todir", "symlink", True),
        ("tofile", "symlink", False),
        ("with space", "file", False),
        ("with\\backslash", "file", False),
    ]


async def test_names_that_are_not_utf8(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, r"""printf data >"$(printf 'caf\351')" """, cwd=folder)
    entries = (await call(sandbox, "list_directory", path=folder)).result["entries"]
    name = entries[0]["name"]
    assert name == b"caf\xe9".decode("utf-8", "surrogateescape")
    assert await read(sandbox, f"{folder}/{name}") == b"data"
    await call(sandbox, "delete_file", path=f"{folder}/{name}")
    assert (await call(sandbox, "list_directory", path=folder)).result["entries"] == []


async def test_a_large_directory(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "seq -f %08.0f 20000 | xargs touch", cwd=folder)
    entries = (await call(sandbox, "list_directory", path=folder)).result["entries"]
    assert len(entries) == 20_000
    assert entries[-1]["name"] == "00020000"


async def test_list_failures(sandbox: Sandbox) -> None:
    assert await failure(sandbox, "list_directory", path="/nope") == (
        "not_found: Failed to list directory: /nope, error: No such file or directory"
    )
    assert await failure(sandbox, "list_directory", path="/etc/passwd") == (
        "not_a_directory: Failed to list directory: /etc/passwd, error: Not a directory"
    )


async def test_get_file_info(sandbox: Sandbox, folder: str) -> None:
    before = time.time()
    await sh(sandbox, "printf 12345 >file; chmod 640 file; ln -s file link", cwd=folder)
    info = (await call(sandbox, "get_file_info", path=f"{folder}/./link")).result
    for stamp in ("modified", "created", "accessed"):
        assert abs(info.pop(stamp) - before) < 60
    assert info == {
        "name": "link",
        "path": f"{folder}/link",
        "size": 5,
        "is_directory": False,
        "is_file": True,
        "mode": 0o640,
        "owner": "wuying",
        "group": "wuying",
    }


async def test_get_file_info_of_directories(sandbox: Sandbox, folder: str) -> None:
    info = (await call(sandbox, "get_file_info", path=folder)).result
    assert (info["is_directory"], info["is_file"]) == (True, False)
    assert (await call(sandbox, "get_file_info", path="/")).result["name"] == "/"


async def test_get_file_info_of_nothing(sandbox: Sandbox) -> None:
    assert await failure(sandbox, "get_file_info", path="/tmp/x") == (
        "not_found: Failed to get file status: /tmp/x, error: No such file or directory"
    )


async def test_create_directory(sandbox: Sandbox, folder: str) -> None:
    path = f"{folder}/a/b/c"
    await call(sandbox, "create_directory", path=path)
    await call(sandbox, "create_directory", path=path)
    assert (await call(sandbox, "get_file_info", path=path)).result["is_directory"]
    await call(sandbox, "write_file", b"", path=f"{folder}/file")
    assert "already_exists" in await failure(sandbox, "create_directory", path=f"{folder}/file")


async def test_delete(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "mkdir -p full/x empty; echo >file; ln -s full link", cwd=folder)
    for name in ("file", "empty", "link"):
        await call(sandbox, "delete_file", path=f"{folder}/{name}")
    assert (await sh(sandbox, "ls", cwd=folder)).stdout == "full\n"
    assert "not_empty" in await failure(sandbox, "delete_file", path=f"{folder}/full")
    assert "not_found" in await failure(sandbox, "delete_file", path=f"{folder}/file")


async def test_move(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "mkdir d; echo a >d/a; echo b >b", cwd=folder)
    await call(sandbox, "move_file", source=f"{folder}/d", destination=f"{folder}/e")
    await call(sandbox, "move_file", source=f"{folder}/e/a", destination=f"{folder}/b")
    assert (await sh(sandbox, "ls; cat b", cwd=folder)).stdout == "b\ne\na\n"


async def test_move_between_file_systems(sandbox: Sandbox, folder: str) -> None:
    await sh(sandbox, "mkdir -p tree/sub; echo x >tree/sub/file; chmod 700 tree/sub", cwd=folder)
    there = f"/dev/shm/{folder.rpartition('/')[2]}"
    await call(sandbox, "move_file", source=f"{folder}/tree", destination=there)
    done = await sh(sandbox, f"ls {folder}; stat -c %a {there}/sub; cat {there}/sub/file")
    assert done.stdout == "700\nx\n"


async def test_move_failures(sandbox: Sandbox, folder: str) -> None:
    source = f"{folder}/nope"
    assert await failure(sandbox, "move_file", source=source, destination=f"{folder}/x") == (
        f"not_found: Failed to move file: {source}, error: No such file or directory"
    )
    await sh(sandbox, "echo >file; mkdir -p full/x", cwd=folder)
    assert "is_a_directory" in await failure(
        sandbox, "move_file", source=f"{folder}/file", destination=f"{folder}/full"
    )
