from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import Caller, finish

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.cli.command import Command, Server

NO_NETWORK = ("--network", "none")


async def test_clients_work_with_what_the_ready_line_says(command: Command) -> None:
    with command.serving(*NO_NETWORK) as server:
        assert server.ready.keys() == {"endpoint", "api_key", "pid"}
        assert server.ready["pid"] == server.process.pid
        async with server.client() as agent_bay, agent_bay.session() as session:
            result = await session.command.execute_command("id --user --name")
            assert result.unwrap().stdout == "wuying\n"


def test_another_command_runs_on_it(command: Command, server: Server) -> None:
    done = command.run("run", "--", "echo", "hi", env=server.env)
    assert (done.returncode, done.stdout) == (0, b"hi\n")
    assert done.stderr.decode() == f"agentbay: using {server.endpoint} (AGENTBAY_ENDPOINT)\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_its_end_is_the_end_of_every_session(
    command: Command, server: Server, number: signal.Signals
) -> None:
    with Caller() as caller:
        client = command.start("run", "-q", "--", *caller.command, env=server.env)
        caller.wait_running()
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        caller.wait_dead()
        assert finish(client).returncode == 1


def test_where_the_key_comes_from(command: Command) -> None:
    (command.cwd / ".env").write_text("AGENTBAY_API_KEY=akm-of-the-file\n")
    env = {"AGENTBAY_API_KEY": "akm-of-the-environment"}
    with command.serving(*NO_NETWORK, "--api-key", "akm-given", env=env) as server:
        assert server.api_key == "akm-given"
    with command.serving(*NO_NETWORK, env=env) as server:
        assert server.api_key == "akm-of-the-environment"
    with command.serving(*NO_NETWORK) as server:
        assert server.api_key == "akm-of-the-file"
    (command.cwd / ".env").unlink()
    with command.serving(*NO_NETWORK) as first, command.serving(*NO_NETWORK) as second:
        assert len({first.api_key, second.api_key}) == 2


async def test_tls(command: Command) -> None:
    with command.serving(*NO_NETWORK, "--tls") as server:
        assert server.endpoint.startswith("https://")
        ca_file = str(server.ready["ca_file"])
        async with server.client(ca_file=ca_file) as agent_bay, agent_bay.session() as session:
            assert (await session.command.execute_command("true")).unwrap()


def test_a_data_directory_outlives_it(command: Command, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with command.serving(*NO_NETWORK, "--data-dir", str(data_dir), "--warm", "1"):
        done = command.run("serve", "--port", "0", "--data-dir", str(data_dir))
        assert_fails_with_one_line(done, str(data_dir))
    assert data_dir.is_dir()


def test_a_port_in_use(command: Command, server: Server) -> None:
    port = server.endpoint.rpartition(":")[2]
    assert_fails_with_one_line(command.run("serve", "--port", port), port)


def test_an_address_that_is_not_loopback(command: Command) -> None:
    assert_fails_with_one_line(command.run("serve", "--host", "0.0.0.0"), "loopback")


def test_without_bubblewrap_it_says_what_to_install(command: Command, tmp_path: Path) -> None:
    done = command.run("serve", "--port", "0", env={"PATH": str(tmp_path)}, prefix=())
    assert_fails_with_one_line(done, "apt install bubblewrap")


@pytest.mark.parametrize(
    "option",
    ["--port=65536", "--warm=-1", "--isolation=docker", "--network=vpn", "--log-level=loud"],
)
def test_usage_errors(command: Command, option: str) -> None:
    done = command.run("serve", option)
    assert (done.returncode, done.stdout) == (2, b"")
    assert option.partition("=")[0] in done.stderr.decode()


def test_the_log_is_on_standard_error_and_holds_no_secret(command: Command) -> None:
    process = command.start("serve", "--port", "0", *NO_NETWORK, "--log-level", "debug")
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    env = {"AGENTBAY_ENDPOINT": ready["endpoint"], "AGENTBAY_API_KEY": ready["api_key"]}
    assert command.run("run", "--", "true", env=env).returncode == 0
    process.send_signal(signal.SIGTERM)
    done = finish(process)
    assert (done.returncode, done.stdout) == (0, b"")
    log = done.stderr.decode()
    assert "agentbay.local" in log
    assert ready["api_key"] not in log


def assert_fails_with_one_line(done: subprocess.CompletedProcess[bytes], reason: str) -> None:
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("agentbay: error: ")
    assert reason in line
