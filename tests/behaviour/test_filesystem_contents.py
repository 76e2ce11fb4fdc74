"""Contents of files of any size and kind, on both surfaces and both routes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentbay import AgentBay, AsyncSession, Config, FileError, RemoteFileNotFoundError, Session
from agentbay._async._file_contents import DIRECT_BYTES, READ_CHUNK_BYTES, WRITE_CHUNK_BYTES
from agentbay.local.runtime import LocalRuntime

ODD = "a\r\nb\n\rc\ttab\0nul\x1b\x7f\ufeff bom \u2028 e\u0301 世界 🚀 \ufffd"


@pytest.mark.parametrize("size", [0, 1, 3, 4, READ_CHUNK_BYTES, 120_001])
async def test_bytes_round_trip(routed: AsyncSession, size: int) -> None:
    data = os.urandom(size)
    written = await routed.file_system.write_bytes("new/dir/file.bin", data)
    assert written.success, written.error_message
    assert written.data is True
    read = await routed.file_system.read_bytes("new/dir/file.bin")
    assert read.success, read.error_message
    assert (read.content, read.size, read.content_type) == (data, size, None)
    entries = (await routed.file_system.ls("new/dir")).unwrap()
    assert [entry.name for entry in entries] == ["file.bin"]


async def test_both_formats_of_read_file(routed: AsyncSession) -> None:
    await routed.file_system.write_file("f", "é")
    assert (await routed.file_system.read_file("f", format="bytes")).content == b"\xc3\xa9"
    for text in ("text", "anything"):
        assert (await routed.file_system.read_file("f", format=text)).content == "é"
    assert (await routed.file_system.read("f")).content == "é"
    failed = await routed.file_system.read_file("no", format="bytes")
    assert (failed.success, failed.content) == (False, b"")
    with pytest.raises(RemoteFileNotFoundError):
        failed.unwrap()


async def test_pieces_are_cut_between_characters(session: AsyncSession) -> None:
    """Larger than two messages of the direct route, with a character on each border."""
    text = "x" + "世" * (2 * DIRECT_BYTES // 3 + 1000) + ODD
    assert (await session.file_system.write_file("big", text)).success
    read = await session.file_system.read_text("big")
    assert read.success, read.error_message
    assert read.content == text
    assert (await session.file_system.write_file("big", "!", "append")).success
    assert (await session.file_system.read_bytes("big")).content == text.encode() + b"!"


async def test_bytes_of_several_messages(session: AsyncSession) -> None:
    data = os.urandom(2 * DIRECT_BYTES + 7)
    await session.command.execute_command("echo old >big; chmod 640 big; ln -s big link")
    assert (await session.file_system.write_bytes("link", data)).success
    assert (await session.file_system.read_bytes("big")).content == data
    done = await session.command.execute_command("stat -c %a big; ls -A; test -L link")
    assert done.stdout == "640\nbig\nlink\n"


@pytest.mark.parametrize("size", [DIRECT_BYTES - 1, DIRECT_BYTES, DIRECT_BYTES + 1])
async def test_sizes_around_one_message(session: AsyncSession, size: int) -> None:
    await session.command.execute_command(f"head -c {size} /dev/zero | tr '\\0' x >f")
    assert (await session.file_system.read_text("f")).content == "x" * size
    assert (await session.file_system.read_bytes("f")).content == b"x" * size


async def test_files_that_claim_to_be_empty(session: AsyncSession) -> None:
    read = await session.file_system.read_text("/proc/self/status")
    assert "Name:" in read.content


async def test_bytes_are_appended(routed: AsyncSession) -> None:
    for piece in (b"\xff\0", b"\xfe"):
        assert (await routed.file_system.write_bytes("f", piece, "append")).success
    assert (await routed.file_system.read_bytes("f")).content == b"\xff\0\xfe"
    view = memoryview(bytearray(b"abc"))
    assert (await routed.file_system.write_bytes("f", view)).success
    assert (await routed.file_system.read_bytes("f")).content == b"abc"


@pytest.mark.parametrize("name", ["-n", "a b", 'it\'s "$HOME"', "new\nline", "end\n", "emoji🚀"])
async def test_bytes_to_odd_names(session: AsyncSession, name: str) -> None:
    for mode in ("overwrite", "append"):
        written = await session.file_system.write_bytes(name, name.encode(), mode)
        assert written.success, written.error_message
    assert (await session.file_system.read_bytes(name)).content == name.encode() * 2
    listed = await session.command.execute_command("find . -mindepth 1 -print0")
    assert listed.stdout == f"./{name}\0"


@pytest.mark.parametrize("mode", ["overwrite", "append"])
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("dir", "Is a directory"),
        ("fifo", "Not a regular file"),
        ("shut", "Permission denied"),
        ("loop", "Too many levels of symbolic links"),
        ("shut/f", "Not a directory|File exists"),
        ("/usr/f", "Read-only file system|Permission denied"),
    ],
)
async def test_bytes_that_cannot_be_written(
    session: AsyncSession, path: str, reason: str, mode: str
) -> None:
    await session.command.execute_command(
        "mkdir dir; mkfifo fifo; echo old >shut; chmod 444 shut; ln -s loop loop"
    )
    before = (await session.command.execute_command("ls -lA --time-style=full-iso")).stdout
    result = await session.file_system.write_bytes(path, b"new", mode)
    assert not result.success
    with pytest.raises(FileError, match=reason):
        result.unwrap()
    assert (await session.command.execute_command("ls -lA --time-style=full-iso")).stdout == before


async def test_a_full_disk_is_told_and_the_session_goes_on(session: AsyncSession) -> None:
    filled = await session.command.execute_command("echo old >/dev/shm/f && df -B1 /dev/shm")
    room = int(filled.stdout.split("\n")[1].split()[3])
    await session.command.execute_command(f"fallocate -l {room - 65536} /dev/shm/fill")
    for result in (
        await session.file_system.write_file("/dev/shm/f", "x" * 500_000),
        await session.file_system.write_bytes("/dev/shm/f", b"x" * 500_000),
    ):
        assert not result.success
        assert "No space left on device" in result.error_message
    assert (await session.file_system.read_text("/dev/shm/f")).content == "old\n"
    listed = await session.command.execute_command("ls -A /dev/shm; rm /dev/shm/fill")
    assert listed.stdout == "f\nfill\n"


async def test_the_wrong_kind_of_content_is_refused(routed: AsyncSession) -> None:
    wrong = cast("Any", b"bytes")
    result = await routed.file_system.write_file("f", wrong)
    assert result.error_message == (
        "Failed to write file: content must be text, not bytes; write_bytes takes the other kind"
    )
    result = await routed.file_system.write_bytes("f", cast("Any", "text"))
    assert "content must be bytes, not str" in result.error_message
    result = await routed.file_system.write_bytes("f", b"", "prepend")
    assert result.error_message == "Invalid write mode: prepend. Must be 'overwrite' or 'append'."
    assert not await routed.file_system.exists("f")


@pytest.fixture
def shared(runtime: LocalRuntime, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A blocking session, for tests that call it many times from their own function."""
    endpoint = runtime.endpoint
    if request.param == "api":
        endpoint = request.getfixturevalue("api_only_endpoint")
    with AgentBay(runtime.api_key, Config(endpoint=endpoint)) as bay, bay.session() as session:
        yield session


PIECES = st.sampled_from(["\r\n", "\0", "\ufeff", "é", "世", "🚀", "\n---\n"])
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
LONG_TEXT = st.builds(
    lambda start, piece, size, end: start + piece * (size // len(piece.encode())) + end,
    ANY_TEXT,
    PIECES,
    st.integers(0, 2 * WRITE_CHUNK_BYTES + 50),
    ANY_TEXT,
)
SOME = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("shared", ["direct", "api"], indirect=True)
def test_any_text_is_read_as_it_was_written(shared: Session) -> None:
    @SOME
    @given(LONG_TEXT)
    def round_trip(text: str) -> None:
        shared.file_system.write_file("text", text).unwrap()
        assert shared.file_system.read_text("text").unwrap() == text
        assert shared.file_system.read_bytes("text").unwrap() == text.encode()

    round_trip()


@pytest.mark.parametrize("shared", ["direct", "api"], indirect=True)
def test_any_bytes_are_read_as_they_were_written(shared: Session) -> None:
    @SOME
    @given(st.binary(max_size=50), st.integers(0, 1200))
    def round_trip(piece: bytes, count: int) -> None:
        data = piece * count
        shared.file_system.write_bytes("bytes", data).unwrap()
        assert shared.file_system.read_bytes("bytes").unwrap() == data
        text = data.decode(errors="replace")
        assert shared.file_system.read_text("bytes").unwrap() == text

    round_trip()
