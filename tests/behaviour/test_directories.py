"""Whole directories between this machine and a session."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentbay import AsyncAgentBay, Config, CreateSessionParams
from tests.files import tree_of, write_random

if TYPE_CHECKING:
    from agentbay import AsyncSession
    from agentbay.local.runtime import LocalRuntime

REMOTE = "/tmp/a tree's place"


def make_tree(folder: Path) -> None:
    (folder / "empty").mkdir(parents=True)
    (folder / "nested" / "deep").mkdir(parents=True)
    (folder / "nested").chmod(0o750)
    write_random(folder / "big", 1_000_003)
    (folder / "nothing").touch()
    names = ["with space", "é \U0001f600", "quote'\"$x", "-dash", "line\nbreak", ".dot", "n" * 200]
    for number, name in enumerate(names):
        (folder / "nested" / name).write_text(name)
        (folder / "nested" / name).chmod(0o600 + number)
    (folder / os.fsdecode(b"bytes-\xff\xfe")).write_bytes(b"not UTF-8")
    (folder / "nested" / "deep" / "run").write_text("#!/bin/sh\n")
    (folder / "nested" / "deep" / "run").chmod(0o755)
    (folder / "open").write_text("for all")
    (folder / "open").chmod(0o666)
    (folder / "link").symlink_to("nested/deep/run")
    (folder / "nested" / "up").symlink_to("../big")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "to-folder").symlink_to("nested")


async def test_a_tree_comes_back_as_it_was(session: AsyncSession, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    make_tree(source)
    sizes: list[int] = []
    sent = await session.file_system.upload_directory(str(source), REMOTE, progress_cb=sizes.append)
    assert sent.success, sent
    assert sent.unwrap() == len(tree_of(source))
    assert sizes[-1] == sent.bytes_transferred > 1_000_003
    got = await session.file_system.download_directory(REMOTE, str(target))
    assert got.success, got
    assert tree_of(target) == tree_of(source)
    assert (target / "big").stat().st_mtime == int((source / "big").stat().st_mtime)
    assert got.entries == sent.entries
    assert {name.split(b"/")[0] for name in tree_of(tmp_path)} == {b"deep", b"source"}
    assert {name.split(b"/")[0] for name in tree_of(target.parent)} == {b"target"}
    left = await session.command.execute_command("ls -A /tmp/file-transfer")
    assert left.stdout == ""


async def test_what_is_no_file_is_left_out(session: AsyncSession, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("x")
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(source / "socket"))
        sent = await session.file_system.upload_directory(str(source), REMOTE)
    assert sent.success, sent
    assert (sent.entries, sent.skipped) == (1, ("pipe", "socket"))
    assert await session.command.execute_command("mkfifo pipe", cwd=REMOTE)
    got = await session.file_system.download_directory(REMOTE, str(tmp_path / "target"))
    assert got.success, got
    assert (got.entries, got.skipped) == (1, ("pipe",))
    assert list(tree_of(tmp_path / "target")) == [b"file"]


async def test_directories_are_merged(session: AsyncSession, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "d").mkdir(parents=True)
    (target / "d" / "kept").write_text("kept")
    (target / "d" / "f").write_text("old")
    assert await session.command.execute_command(
        "mkdir -p d/new && echo new > d/f && echo more > d/new/f", cwd="/tmp"
    )
    assert await session.command.execute_command("mkdir t && mv d t", cwd="/tmp")
    got = await session.file_system.download_directory("/tmp/t", str(target))
    assert got.success, got
    assert {name: entry[2] for name, entry in tree_of(target).items() if entry[2]} == {
        b"d/kept": b"kept",
        b"d/f": b"new\n",
        b"d/new/f": b"more\n",
    }
    refused = await session.file_system.download_directory("/tmp/t", str(target), overwrite=False)
    assert refused.error_message == f"Destination exists and overwrite=False: {target}"


@pytest.mark.parametrize("in_the_way", ["file", "directory", "link"])
async def test_what_is_in_the_way_stays(
    session: AsyncSession, tmp_path: Path, in_the_way: str
) -> None:
    target, outside = tmp_path / "target", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()
    if in_the_way == "file":
        (target / "d").write_text("mine")
    elif in_the_way == "link":
        (target / "d").symlink_to("../outside")
    else:
        (target / "z" / "mine").mkdir(parents=True)
    before = tree_of(tmp_path)
    make = "mkdir -p t/d && echo x > t/a && echo x > t/d/f && echo x > t/z"
    assert await session.command.execute_command(make, cwd="/tmp")
    got = await session.file_system.download_directory("/tmp/t", str(target))
    assert got.error_message.startswith("Download exception: ")
    assert tree_of(tmp_path) == before


HOSTILE = {
    "absolute": "ln -s /etc/hostname t/link",
    "up": "ln -s ../x t/link",
    "up-from-below": "mkdir t/d && ln -s ../../x t/d/link",
    "up-in-the-middle": "mkdir -p t/d/e && ln -s d/e/../../.. t/link",
}


@pytest.mark.parametrize("command", HOSTILE.values(), ids=HOSTILE)
async def test_links_that_lead_out_are_refused(
    session: AsyncSession, tmp_path: Path, command: str
) -> None:
    assert await session.command.execute_command(f"mkdir t && {command}", cwd="/tmp")
    got = await session.file_system.download_directory("/tmp/t", str(tmp_path / "target"))
    assert got.error_message.startswith("Download exception: The archive is refused: ")
    assert tree_of(tmp_path) == {}


async def test_what_is_not_there(session: AsyncSession, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none", tmp_path / "file"):
        sent = await session.file_system.upload_directory(str(path), REMOTE)
        assert sent.error_message == f"Local directory not found: {path}"
    got = await session.file_system.download_directory("/tmp/none", str(tmp_path / "target"))
    assert got.error_message.startswith("Packing in the session failed: ")
    assert "/tmp/none" in got.error_message
    assert list(tree_of(tmp_path)) == [b"file"]


async def test_where_it_cannot_be_written(session: AsyncSession, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    sent = await session.file_system.upload_directory(str(tmp_path / "source"), "/usr/x")
    assert sent.error_message.startswith("Unpacking in the session failed: ")
    left = await session.command.execute_command("ls -A /tmp/file-transfer")
    assert left.stdout == ""


# Names that no tar understands differently, and that are not too long.
NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)
FILES = st.tuples(st.binary(max_size=2000), st.integers(0o400, 0o777).map(lambda m: m | 0o400))


@st.composite
def trees(draw: st.DrawFn, depth: int = 2) -> dict[bytes, object]:
    kinds: list[st.SearchStrategy[object]] = [FILES]
    if depth:
        kinds.append(trees(depth - 1))
    return draw(st.dictionaries(NAMES, st.one_of(kinds), max_size=4))


def plant(folder: Path, tree: dict[bytes, object]) -> None:
    folder.mkdir()
    for name, entry in tree.items():
        path = folder / os.fsdecode(name)
        if isinstance(entry, dict):
            plant(path, entry)
        else:
            content, mode = cast("tuple[bytes, int]", entry)
            path.write_bytes(content)
            path.chmod(mode)


def test_any_tree_comes_back(runtime: LocalRuntime) -> None:
    with anyio.from_thread.start_blocking_portal() as portal:
        bay = AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))
        params = CreateSessionParams(image_id="linux_latest")
        with portal.wrap_async_context_manager(bay.session(params)) as session:

            @settings(
                max_examples=15,
                deadline=None,
                suppress_health_check=[HealthCheck.function_scoped_fixture],
            )
            @given(tree=trees())
            def check(tree: dict[bytes, object]) -> None:
                portal.call(round_trip, session, tree)

            check()
        portal.call(bay.close)


async def round_trip(session: AsyncSession, tree: dict[bytes, object]) -> None:
    remote = "/tmp/any"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        plant(source, tree)
        (await session.file_system.upload_directory(str(source), remote)).unwrap()
        (await session.file_system.download_directory(remote, str(target))).unwrap()
        assert tree_of(target) == tree_of(source)
        assert await session.command.execute_command(f"chmod -R u+w {remote}; rm -r {remote}")


async def test_a_cancelled_upload_leaves_nothing_behind(
    runtime: LocalRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    source = tmp_path / "source"
    source.mkdir()
    write_random(source / "big", 3_000_000)
    bay = AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))
    async with bay, bay.session(CreateSessionParams(image_id="linux_latest")) as session:
        async with anyio.create_task_group() as group:

            def cancel(_: int) -> None:
                group.cancel_scope.cancel()

            async def send() -> None:
                await session.file_system.upload_directory(str(source), REMOTE, progress_cb=cancel)

            group.start_soon(send)
        assert group.cancel_scope.cancelled_caught or group.cancel_scope.cancel_called
        assert tree_of(temporary) == {}
        left = await session.command.execute_command("ls -A /tmp/file-transfer")
        assert left.stdout == ""
