from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.files import tree_of, write_random

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentbay import AsyncSession
    from tests.cli.command import Command, Server


@pytest.fixture
def session_id(server: Server) -> Iterator[str]:
    """A session that a command can reach."""
    with anyio.from_thread.start_blocking_portal() as portal:
        bay = server.client()

        async def create() -> AsyncSession:
            return (await bay.create()).unwrap()

        session = portal.call(create)
        yield session.session_id
        portal.call(session.delete)
        portal.call(bay.close)


def test_files_of_a_session(command: Command, server: Server, session_id: str) -> None:
    content = write_random(command.cwd / "file.bin", 100_000)
    remote = f"{session_id}:/tmp/x"
    sent = command.run("fs", "cp", "file.bin", f"{remote}/a b", env=server.env)
    assert (sent.returncode, sent.stdout) == (0, b""), sent.stderr.decode()
    assert command.run("fs", "ls", remote, env=server.env).stdout == b"a b\n"
    facts = json.loads(command.run("fs", "ls", "--json", remote, env=server.env).stdout)
    assert facts == [{"name": "a b", "type": "FILE"}]
    shown = command.run("fs", "cat", f"{remote}/a b", env=server.env)
    assert (shown.returncode, shown.stdout) == (0, content), shown.stderr.decode()
    (command.cwd / "folder").mkdir()
    got = command.run("fs", "cp", f"{remote}/a b", "folder", env=server.env)
    assert got.returncode == 0, got.stderr.decode()
    assert (command.cwd / "folder" / "a b").read_bytes() == content
    assert command.run("fs", "rm", f"{remote}/a b", env=server.env).returncode == 0
    assert command.run("fs", "ls", remote, env=server.env).stdout == b""
    gone = command.run("fs", "rm", f"{remote}/a b", env=server.env)
    assert gone.returncode == 1
    assert "No such file or directory" in gone.stderr.decode()


def test_directories_of_a_session(command: Command, server: Server, session_id: str) -> None:
    source = command.cwd / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / os.fsdecode(b"\xff")).write_text("odd")
    (source / "link").symlink_to("deep")
    remote = f"{session_id}:/tmp/x"
    sent = command.run("fs", "cp", "-r", "source", remote, env=server.env)
    assert sent.returncode == 0, sent.stderr.decode()
    got = command.run("fs", "cp", "-r", remote, "target", env=server.env)
    assert got.returncode == 0, got.stderr.decode()
    assert tree_of(command.cwd / "target") == tree_of(source)
    assert command.run("fs", "rm", remote, env=server.env).returncode == 1
    assert command.run("fs", "rm", "-r", remote, env=server.env).returncode == 0


def test_files_of_a_context(command: Command, server: Server) -> None:
    content = write_random(command.cwd / "file.bin", 1000)
    assert command.run("context", "create", "data", env=server.env).returncode == 0
    place = "context:data:/x/file"
    assert command.run("fs", "cp", "file.bin", place, env=server.env).returncode == 0
    assert command.run("fs", "ls", "context:data:/x", env=server.env).stdout == b"file\n"
    assert command.run("fs", "cat", place, env=server.env).stdout == content
    assert command.run("fs", "cp", place, "back", env=server.env).returncode == 0
    assert (command.cwd / "back").read_bytes() == content
    assert command.run("fs", "rm", place, env=server.env).returncode == 0
    empty = command.run("fs", "ls", "--json", "context:data:/x", env=server.env)
    assert json.loads(empty.stdout) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls", "here"),
        ("cat", "s-1:relative"),
        ("cp", "a", "b"),
        ("cp", "s-1:/a", "s-2:/b"),
        ("cp", "no-file", "s-1:/b"),
        ("cp", "-r", "context:c:/a", "b"),
        ("rm",),
    ],
    ids=" ".join,
)
def test_wrong_usage(command: Command, arguments: tuple[str, ...]) -> None:
    done = command.run("fs", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert "Traceback" not in done.stderr.decode()


def test_a_session_that_does_not_exist(command: Command, server: Server) -> None:
    for arguments in (("ls", "s-none:/"), ("cat", "s-none:/x"), ("cp", "s-none:/x", "x")):
        done = command.run("fs", *arguments, env=server.env)
        assert (done.returncode, done.stdout) == (1, b"")
        assert "Session s-none not found" in done.stderr.decode()
    assert tree_of(command.cwd) == {}
