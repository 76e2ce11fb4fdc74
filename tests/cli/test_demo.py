from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.command import Command, Server

STEP = re.compile(r"ok  (.+?) +\d+\.\d ms")


def test_it_shows_a_session_from_beginning_to_end(command: Command) -> None:
    done = command.run("demo")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b"agentbay: using the local runtime on this machine (the default)\n"
    lines = done.stdout.decode().splitlines()
    assert [match[1] for line in lines if (match := STEP.fullmatch(line))] == [
        "start the runtime and create a session",
        "run: id",
        "run: hostname",
        "run: pwd",
        "write /home/wuying/greeting.txt (4100 bytes)",
        "read it back and compare",
        "list /home/wuying",
        "delete the session",
    ]
    (session_id,) = {line.strip() for line in lines if re.fullmatch(r"  s-\w+", line)}
    assert lines.count(f"  {session_id}") == 2  # the id, and the host name inside
    assert "  uid=1000(wuying) gid=1000(wuying) groups=1000(wuying)" in lines
    assert "  /home/wuying" in lines
    assert "  greeting.txt" in lines


def test_a_key_is_no_reason_to_leave_this_machine(command: Command) -> None:
    done = command.run("demo", env={"AGENTBAY_API_KEY": "akm-secret"})
    assert done.returncode == 0, done.stderr.decode()
    assert b"the local runtime on this machine" in done.stderr
    assert b"akm-secret" not in done.stdout + done.stderr


async def test_it_runs_elsewhere_when_told(command: Command, server: Server) -> None:
    env = {"AGENTBAY_API_KEY": server.api_key, "AGENTBAY_ENDPOINT": "local"}
    done = command.run("demo", "--endpoint", server.endpoint, env=env)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.decode() == f"agentbay: using {server.endpoint} (--endpoint)\n"
    async with server.client() as agent_bay:
        assert (await agent_bay.list()).unwrap() == []


def test_without_bubblewrap_it_says_what_to_install(command: Command, tmp_path: Path) -> None:
    done = command.run("demo", env={"PATH": str(tmp_path)}, prefix=())
    assert (done.returncode, done.stdout) == (1, b"")
    _, error = done.stderr.decode().splitlines()
    assert error.startswith("agentbay: error: failed to start the runtime and create a session: ")
    assert "apt install bubblewrap" in error


def test_a_reader_that_went_away_is_no_traceback(command: Command) -> None:
    process = command.start("demo")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read().count(b"\n") == 1
    assert process.wait(10) == 1


def test_a_full_disk_is_told(command: Command) -> None:
    with Path("/dev/full").open("wb") as full:
        done = command.run("demo", stdout=full)
    assert done.returncode == 1
    _, error = done.stderr.decode().splitlines()
    assert error == "agentbay: cannot write the output: No space left on device"
