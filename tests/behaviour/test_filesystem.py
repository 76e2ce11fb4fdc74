"""Files, on both surfaces and both routes."""

from __future__ import annotations

import pytest

from agentbay import AsyncSession, RemoteFileNotFoundError

TEXTS = [
    "",
    "line\n",
    "no newline",
    "grüße 世界 🚀\r\n\ttab\0nul\x1b",
    "é" * 100_001,
    "x" * 300_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{len(text)}")
async def test_text_round_trip(routed: AsyncSession, text: str) -> None:
    written = await routed.file_system.write_file("deep/er/file.txt", text)
    assert written.success, written.error_message
    assert written.data is True
    read = await routed.file_system.read_file("deep/er/file.txt")
    assert read.success, read.error_message
    assert read.content == text


async def test_overwrite_and_append(routed: AsyncSession) -> None:
    await routed.file_system.write_file("f", "one")
    await routed.file_system.write_file("f", "two")
    await routed.file_system.write_file("f", "+three", "append")
    await routed.file_system.write_file("new", "made", mode="append")
    assert (await routed.file_system.read_file("f")).unwrap() == "two+three"
    assert (await routed.file_system.read_file("new")).unwrap() == "made"


async def test_wrong_mode_is_refused_before_the_call(session: AsyncSession) -> None:
    result = await session.file_system.write_file("f", "x", mode="prepend")
    assert result.error_message == ("Invalid write mode: prepend. Must be 'overwrite' or 'append'.")
    assert not (await session.file_system.read_file("f")).success


async def test_list_directory(routed: AsyncSession) -> None:
    await routed.command.execute_command("mkdir -p d/sub d/empty; touch d/b d/a 'd/with space'")
    entries = (await routed.file_system.list_directory("d")).unwrap()
    assert [(entry.name, entry.is_directory) for entry in entries] == [
        ("a", False),
        ("b", False),
        ("empty", True),
        ("sub", True),
        ("with space", False),
    ]
    assert entries[0]["name"] == "a"
    assert entries[3]["isDirectory"] is True
    assert (await routed.file_system.ls("d/empty")).unwrap() == []


@pytest.mark.parametrize("member", ["read_file", "list_directory"])
async def test_missing_path(routed: AsyncSession, member: str) -> None:
    result = await getattr(routed.file_system, member)("/no/such/thing")
    assert not result.success
    assert "/no/such/thing" in result.error_message
    assert "No such file or directory" in result.error_message
    assert result.request_id
    with pytest.raises(RemoteFileNotFoundError):
        result.unwrap()


async def test_directory_where_a_file_is_expected(routed: AsyncSession) -> None:
    result = await routed.file_system.read_file("/tmp")
    assert not result.success
    assert "directory" in result.error_message
    assert not (await routed.file_system.write_file("/tmp", "x")).success


async def test_file_where_a_directory_is_expected(routed: AsyncSession) -> None:
    await routed.file_system.write_file("f", "x")
    assert not (await routed.file_system.list_directory("f")).success
    assert not (await routed.file_system.write_file("f/g", "x")).success


async def test_no_permission(routed: AsyncSession) -> None:
    result = await routed.file_system.write_file("/usr/new", "x")
    assert not result.success
    assert "/usr/new" in result.error_message


@pytest.mark.parametrize("name", ["-rf", "a b", "quote'\"", "emoji🚀", "$(id)", "..hidden", "né"])
async def test_odd_names(session: AsyncSession, name: str) -> None:
    await session.file_system.write_file(f"odd/{name}", name)
    assert (await session.file_system.read_file(f"odd/{name}")).content == name
    assert [e.name for e in (await session.file_system.list("odd")).entries] == [name]


async def test_invalid_utf8_is_replaced_visibly(routed: AsyncSession) -> None:
    await routed.command.execute_command(r"printf 'a\377z' > bin")
    assert (await routed.file_system.read_file("bin")).content == "a\ufffdz"


async def test_links_are_followed(session: AsyncSession) -> None:
    await session.command.execute_command("echo old > target; ln -s target link; ln -s loop loop")
    assert (await session.file_system.read_file("link")).content == "old\n"
    await session.file_system.write_file("link", "new")
    assert (await session.command.execute_command("cat target; test -L link")).stdout == "new"
    loop = await session.file_system.read_file("loop")
    assert not loop.success
    assert "loop" in loop.error_message


async def test_surrogates_cannot_be_written(routed: AsyncSession) -> None:
    result = await routed.file_system.write_file("f", "\ud800")
    assert not result.success
    assert result.error_message
