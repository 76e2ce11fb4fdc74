"""Files between this machine and a session, against the real runtime."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from agentbay import AsyncFileTransfer, FileError, FileTransfer
from tests.files import tree_of, write_random
from tests.surfaces import Lift, lifted

if TYPE_CHECKING:
    from pathlib import Path

    from agentbay import AsyncSession, Session

BIG = 5_000_011
NAMES = [
    "plain",
    "with space",
    "é \U0001f600",
    "quote'\"$x",
    "-dash",
    "line\nbreak",
    ".dot",
    "a%2Fb",
]


@pytest.mark.parametrize("size", [0, 1, BIG])
async def test_round_trip(session: AsyncSession, tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    content = write_random(source, size)
    sent_sizes: list[int] = []
    got_sizes: list[int] = []
    sent = await session.file_system.upload_file(
        str(source), "/tmp/file-transfer/f", progress_cb=sent_sizes.append
    )
    assert (sent.success, sent.bytes_sent) == (True, size), sent
    inside = await session.command.execute_command("sha256sum /tmp/file-transfer/f")
    assert inside.stdout.split()[0] == hashlib.sha256(content).hexdigest()
    got = await session.file_system.download_file(
        "/tmp/file-transfer/f", str(target), progress_cb=got_sizes.append
    )
    assert (got.success, got.bytes_received) == (True, size), got
    assert target.read_bytes() == content
    for sizes in (sent_sizes, got_sizes):
        assert sizes == sorted(sizes)
        assert (sizes[-1] if sizes else 0) == size


@pytest.mark.parametrize("name", NAMES)
async def test_names(session: AsyncSession, tmp_path: Path, name: str) -> None:
    source, target = tmp_path / name, tmp_path / "target"
    source.write_bytes(b"content")
    remote = f"/tmp/file-transfer/{name}"
    assert (await session.file_system.upload_file(str(source), remote)).unwrap() == remote
    assert (await session.file_system.download_file(remote, str(target))).unwrap() == str(target)
    assert target.read_bytes() == b"content"


async def test_a_second_upload_replaces_the_file(session: AsyncSession, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for content in (b"first", b"second, longer", b"3"):
        source.write_bytes(content)
        assert await session.file_system.upload_file(str(source), "/tmp/file-transfer/f")
        read = await session.command.execute_command("cat /tmp/file-transfer/f")
        assert read.stdout.encode() == content


async def test_a_file_made_in_the_session(session: AsyncSession, tmp_path: Path) -> None:
    folder = await session.file_system.get_file_transfer_context_path()
    assert folder == "/tmp/file-transfer"
    assert await session.command.execute_command("mkdir -p /tmp/x && echo made > /tmp/x/f")
    target = tmp_path / "f"
    for text in ("made\n", "changed\n"):
        assert (await session.file_system.download_file("/tmp/x/f", str(target))).unwrap()
        assert target.read_text() == text
        assert await session.command.execute_command("echo changed > /tmp/x/f")


async def test_what_is_not_there(session: AsyncSession, tmp_path: Path) -> None:
    got = await session.file_system.download_file("/tmp/file-transfer/no", str(tmp_path / "f"))
    assert not got.success
    assert got.error_message.startswith("Download sync not finished: Task error: ")
    with pytest.raises(FileError):
        got.unwrap()
    assert tree_of(tmp_path) == {}


async def test_where_it_cannot_be_written(session: AsyncSession, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    sent = await session.file_system.upload_file(str(source), "/usr/bin/x")
    assert not sent.success
    assert sent.error_message.startswith("Upload sync not finished: Task error: ")
    assert await session.command.execute_command("true")


async def test_a_link_stays_and_its_target_is_replaced(
    session: AsyncSession, tmp_path: Path
) -> None:
    source, link, real = tmp_path / "source", tmp_path / "link", tmp_path / "real"
    source.write_bytes(b"new")
    real.write_bytes(b"old")
    link.symlink_to("real")
    assert await session.file_system.upload_file(str(source), "/tmp/file-transfer/f")
    assert await session.file_system.download_file("/tmp/file-transfer/f", str(link))
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


async def test_many_at_once(session: AsyncSession, tmp_path: Path) -> None:
    contents = {number: write_random(tmp_path / f"{number}", 50_000, number) for number in range(8)}

    async def carry(number: int) -> None:
        remote = f"/tmp/file-transfer/{number}"
        assert await session.file_system.upload_file(str(tmp_path / f"{number}"), remote)
        back = tmp_path / f"{number}.back"
        assert await session.file_system.download_file(remote, str(back))
        assert back.read_bytes() == contents[number]

    async with anyio.create_task_group() as group:
        for number in contents:
            group.start_soon(carry, number)


async def test_a_transfer_of_ones_own(session: AsyncSession, tmp_path: Path) -> None:
    source = tmp_path / "source"
    content = write_random(source, 100)
    if isinstance(session, Lift):
        blocking = cast("Session", session._blocking)
        transfer = lifted(FileTransfer(blocking.agent_bay, blocking, http_timeout=5))
    else:
        transfer = AsyncFileTransfer(session.agent_bay, session, http_timeout=5)
    assert await transfer.upload(str(source), "/tmp/file-transfer/f")
    assert await transfer.download("/tmp/file-transfer/f", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content
