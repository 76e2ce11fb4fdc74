"""Facts, edits, searches, moves and deletions, on both surfaces and both routes."""

from __future__ import annotations

from typing import Any, cast

import pytest

from agentbay import AsyncSession, FileError, RemoteFileNotFoundError


async def run(session: AsyncSession, command: str) -> str:
    return (await session.command.execute_command(command)).unwrap().stdout


async def test_facts(routed: AsyncSession) -> None:
    await run(routed, "printf 12345 >f; chmod 644 f; touch -d 2025-05-01T10:00:00Z f; mkdir d")
    info = await routed.file_system.get_file_info("f")
    assert info.success
    assert (info.is_file, info.is_directory, info.size, info.permissions) == (True, False, 5, "644")
    facts = info.unwrap()
    assert facts["permissions"] == 644
    assert facts["path"] == "/home/wuying/f"
    assert facts["modified"] == "2025-05-01T10:00:00Z"
    directory = await routed.file_system.get_file_info("d")
    assert (directory.is_file, directory.is_directory) == (False, True)
    missing = await routed.file_system.get_file_info("/no")
    assert "Failed to get file status: /no, error: No such file" in missing.error_message
    assert (missing.is_file, missing.size, missing.permissions) == (False, 0, "")
    with pytest.raises(RemoteFileNotFoundError):
        missing.unwrap()


async def test_exists(session: AsyncSession) -> None:
    await run(session, "mkdir -p d shut/in; echo >f; ln -s gone broken; chmod 000 shut")
    fs = session.file_system
    found = {name: await fs.exists(name) for name in ("f", "d", "broken", "no", "f/x", "no/x")}
    assert found == {
        "f": True,
        "d": True,
        "broken": False,
        "no": False,
        "f/x": False,
        "no/x": False,
    }
    with pytest.raises(FileError, match="Permission denied"):
        await fs.exists("shut/in")


async def test_edits(routed: AsyncSession) -> None:
    fs = routed.file_system
    await fs.write_file("f", "one two one")
    edits = [{"oldText": "one", "newText": "1"}, {"oldText": "two", "newText": "é\n"}]
    checked = await fs.edit_file("f", edits, dry_run=True)
    assert (checked.success, checked.data) == (True, True)
    assert (await fs.read("f")).content == "one two one"
    assert (await fs.edit_file("f", edits)).success
    assert (await fs.read("f")).content == "1 é\n one"
    again = await fs.edit_file("f", [{"oldText": "one", "newText": "1"}, *edits])
    assert "f, error: Edit 2: its old text is not in the file" in again.error_message
    assert (await fs.read("f")).content == "1 é\n one"
    with pytest.raises(FileError):
        again.unwrap()


@pytest.mark.parametrize("edit", [{"oldText": "a"}, "text", None, 5], ids=repr)
async def test_edits_that_are_none(session: AsyncSession, edit: object) -> None:
    result = await session.file_system.edit_file("f", [cast("Any", edit)])
    assert result.error_message.startswith("Failed to edit file: an edit has to have oldText")
    with pytest.raises(FileError):
        result.unwrap()


async def test_searches(routed: AsyncSession) -> None:
    await run(routed, "mkdir -p p/sub p/node; touch p/a.py p/sub/b.py p/node/c.py p/test_d.py p/e")
    fs = routed.file_system
    home = "/home/wuying/p"
    found = await fs.search_files("p", "?.py", ["node", "test_*"])
    assert found.unwrap() == [f"{home}/a.py", f"{home}/sub/b.py"]
    assert (await fs.search_files("p", "*")).matches == [
        f"{home}/{name}"
        for name in ("a.py", "e", "node", "node/c.py", "sub", "sub/b.py", "test_d.py")
    ]
    nothing = await fs.search_files("p", "*.rs")
    assert (nothing.success, nothing.matches) == (True, [])
    missing = await fs.search_files("/no", "*")
    assert "Failed to search files: /no, error: No such file" in missing.error_message


async def test_several_files(routed: AsyncSession) -> None:
    fs = routed.file_system
    await fs.write_file("a", "first\n\nlast\n")
    await fs.write_file("b", "  é: 世\n")
    await fs.write_file("c", "")
    result = await fs.read_multiple_files(["a", "no", "b", "c"])
    assert result.unwrap() == {
        "a": "first\n\nlast",
        "no": "Error - Failed to read file: no, error: No such file or directory",
        "b": "é: 世",
        "c": "",
    }
    assert (await fs.read_multiple_files([])).contents == {}


async def test_moves(routed: AsyncSession) -> None:
    fs = routed.file_system
    await run(routed, "mkdir -p d full/x; echo a >a; echo b >b; echo in >d/f")
    assert (await fs.move_file("a", "b")).data is True
    assert (await fs.move_file("d", "-e")).success
    assert await run(routed, "ls; cat b ./-e/f") == "-e\nb\nfull\na\nin\n"
    for source, destination, reason in (
        ("no", "x", "No such file or directory"),
        ("b", "no/dir/x", "No such file or directory"),
        ("b", "full", "Is a directory"),
        ("-e", "full", "Directory not empty"),
        ("full", "full/x/y", "Invalid argument"),
    ):
        result = await fs.move_file(source, destination)
        assert result.error_message.endswith(f"Failed to move file: {source}, error: {reason}")
    assert await run(routed, "ls; ls full") == "-e\nb\nfull\nx\n"


async def test_deletions(routed: AsyncSession) -> None:
    fs = routed.file_system
    await run(routed, "mkdir -p full/x empty; touch a b c d; ln -s full link")
    for member, name in (
        (fs.delete_file, "a"),
        (fs.delete, "b"),
        (fs.remove, "c"),
        (fs.rm, "d"),
        (fs.rm, "empty"),
        (fs.rm, "link"),
    ):
        result = await member(name)
        assert (result.success, result.data) == (True, True)
    assert await run(routed, "find . -mindepth 1") == "./full\n./full/x\n"
    refused = await fs.delete_file("full")
    assert refused.error_message.endswith("full, error: Directory not empty")
    with pytest.raises(RemoteFileNotFoundError):
        (await fs.delete_file("a")).unwrap()


async def test_directories(routed: AsyncSession) -> None:
    fs = routed.file_system
    for _ in range(2):
        assert (await fs.create_directory("x/y/-z")).data is True
    assert [entry.name for entry in (await fs.list("x/y")).unwrap()] == ["-z"]
    await fs.write_file("f", "")
    for path in ("f", "f/x", "/usr/x"):
        assert not await fs.create_directory(path)
    assert (await fs.ls("x")).entries[0].size == 0


async def test_links_that_lead_nowhere(session: AsyncSession) -> None:
    await run(session, "ln -s loop loop; ln -s . self")
    fs = session.file_system
    edit = [{"oldText": "a", "newText": "b"}]
    for result in (
        await fs.get_file_info("loop"),
        await fs.write_file("loop", "x"),
        await fs.edit_file("loop", edit),
        await fs.list_directory("loop"),
        await fs.search_files("loop", "*"),
    ):
        assert not result.success
        assert "Too many levels of symbolic links" in result.error_message
    assert not await fs.create_directory("loop/x")
    found = await fs.search_files(".", "*")
    assert found.matches == ["/home/wuying/loop", "/home/wuying/self"]
    assert (await session.command.execute_command("true")).success


async def test_aliases_are_the_same(session: AsyncSession) -> None:
    assert session.fs == session.filesystem == session.files == session.file_system
