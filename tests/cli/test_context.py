from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.files import tree_of, write_random

if TYPE_CHECKING:
    from tests.cli.command import Command, Server


def test_the_life_of_a_context(command: Command, server: Server) -> None:
    made = command.run("context", "create", "data", env=server.env)
    assert made.returncode == 0, made.stderr.decode()
    context_id = made.stdout.decode().strip()
    assert made.stderr.decode() == f"agentbay: using {server.endpoint} (AGENTBAY_ENDPOINT)\n"
    again = command.run("context", "create", "data", "--json", env=server.env)
    assert json.loads(again.stdout)["id"] == context_id
    listed = command.run("context", "list", env=server.env)
    assert listed.stdout.decode() == f"{context_id}  data\n"
    facts = json.loads(command.run("context", "list", "--json", env=server.env).stdout)
    assert [(context["id"], context["name"]) for context in facts] == [(context_id, "data")]
    assert command.run("context", "delete", context_id, env=server.env).returncode == 0
    assert json.loads(command.run("context", "list", "--json", env=server.env).stdout) == []


def test_files_of_a_context(command: Command, server: Server) -> None:
    content = write_random(command.cwd / "file.bin", 100_000)
    assert command.run("context", "create", "data", env=server.env).returncode == 0
    for goal in ((), ("/in/deep/other name",)):
        sent = command.run("context", "upload", "data", "file.bin", *goal, env=server.env)
        assert (sent.returncode, sent.stdout) == (0, b""), sent.stderr.decode()
    listed = command.run("context", "files", "data", env=server.env)
    assert sorted(listed.stdout.decode().splitlines()) == ["file.bin", "in/"]
    (facts,) = json.loads(
        command.run("context", "files", "data", "/in/deep", "--json", env=server.env).stdout
    )
    assert (facts["name"], facts["type"], facts["size"]) == ("other name", "FILE", 100_000)
    got = command.run("context", "download", "data", "/in/deep/other name", env=server.env)
    assert got.returncode == 0, got.stderr.decode()
    assert (command.cwd / "other name").read_bytes() == content
    missing = command.run("context", "download", "data", "/none", "target", env=server.env)
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert missing.stderr.decode().splitlines()[-1].startswith("agentbay: error: ")
    assert set(tree_of(command.cwd)) == {b"file.bin", b"other name"}


def test_what_does_not_exist(command: Command, server: Server) -> None:
    for arguments in (("files", "none"), ("delete", "none"), ("delete", "SdkCtx-none")):
        done = command.run("context", *arguments, env=server.env)
        assert (done.returncode, done.stdout) == (1, b"")
        assert "agentbay: error: " in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()
    assert command.run("context", "upload", "c", "no-file", env=server.env).returncode == 2
    assert command.run("context", "create", env=server.env).returncode == 2
