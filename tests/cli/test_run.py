from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.from_thread
import pytest

from tests.cli.command import finish
from tests.servers import relay_without_links

if TYPE_CHECKING:
    from tests.cli.command import Command, Server

FIVE_MEGABYTES = 5_000_000
ODD_ARGUMENTS = [
    *("", " ", "a b", "'", '"', "\\", "$HOME", "`id`", "$(id)", "*", "~", "#", "!", "&&", ";"),
    *("\n", "\t", "--", "--timeout", "-q", "--help", "ü", "你好", "🜂"),
]


def test_output_and_exit_code_are_the_commands(command: Command) -> None:
    done = command.run("run", "--", "sh", "-c", "echo hi; echo oops >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"hi\n")
    said, oops = done.stderr.decode().splitlines()
    assert said == "agentbay: using the local runtime on this machine (AGENTBAY_API_KEY is not set)"
    assert oops == "oops"


def test_quiet_leaves_standard_error_to_the_command(command: Command) -> None:
    done = command.run("run", "-q", "--", "sh", "-c", "printf hi; printf oops >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi", b"oops")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_five_megabytes_arrive_whole(command: Command, unbuffered: str) -> None:
    code = f"import sys; sys.stdout.write('0123456789' * {FIVE_MEGABYTES // 10})"
    env = {"PYTHONUNBUFFERED": unbuffered}
    done = command.run("run", "-q", "--", "python3", "-c", code, env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout) == FIVE_MEGABYTES
    assert done.stdout == b"0123456789" * (FIVE_MEGABYTES // 10)


def test_output_is_shown_as_it_comes(command: Command) -> None:
    script = "printf 'fir\\303'; printf 'oops\\n' >&2; printf '\\274st\\n'; exec sleep 1000"
    process = command.start("run", "-q", "--", "sh", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline().decode() == "firüst\n"
    assert process.stderr is not None
    assert process.stderr.readline() == b"oops\n"
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert finish(process).returncode == 128 + signal.SIGTERM


def test_files_of_a_context_are_there_and_are_stored(command: Command, server: Server) -> None:
    assert command.run("context", "create", "data", env=server.env).returncode == 0
    bound = ("run", "-q", "--context", "data:/home/wuying/data", "--")
    write = "cat data/* 2>/dev/null; echo more >>data/log; exit 4"
    first = command.run(*bound, "sh", "-c", f"mkdir -p data; {write}", env=server.env)
    assert (first.returncode, first.stdout, first.stderr) == (4, b"", b"")
    second = command.run(*bound, "sh", "-c", write, env=server.env)
    assert (second.returncode, second.stdout, second.stderr) == (4, b"more\n", b"")
    third = command.run(*bound, "cat", "data/log", env=server.env)
    assert (third.returncode, third.stdout) == (0, b"more\nmore\n")
    unknown = command.run("run", "--context", "none:/data", "--", "true", env=server.env)
    assert unknown.returncode == 1
    assert b"none" in unknown.stderr
    for wrong in ("data", "data:relative", ":/data"):
        refused = command.run("run", "--context", wrong, "--", "true", env=server.env)
        assert refused.returncode == 2
        assert b"CONTEXT:/PATH" in refused.stderr


def test_a_service_without_background_commands_shows_output_at_the_end(
    command: Command, server: Server
) -> None:
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            relay_without_links(server.endpoint, ("LinkUrl", "WsUrl"))
        ) as endpoint,
    ):
        env = {**server.env, "AGENTBAY_ENDPOINT": endpoint}
        done = command.run("run", "-q", "--", "sh", "-c", "echo hi; echo oops >&2; exit 7", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"hi\n", b"oops\n")


def test_bytes_that_are_not_utf8_become_replacement_characters(command: Command) -> None:
    done = command.run("run", "-q", "--", "sh", "-c", r"printf '\377A\344'; printf '\377' >&2")
    assert done.stdout.decode() == "\ufffdA\ufffd"
    assert done.stderr.decode() == "\ufffd"


def test_text_is_utf8_whatever_the_locale_says(command: Command) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    done = command.run("run", "-q", "--", "echo", "你好", env=env)
    assert (done.returncode, done.stdout.decode()) == (0, "你好\n")


def test_arguments_arrive_as_they_are(command: Command) -> None:
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    done = command.run("run", "-q", "--", "python3", "-c", code, *ODD_ARGUMENTS)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == ODD_ARGUMENTS


def test_options_after_the_command_are_its_own(command: Command) -> None:
    done = command.run("run", "-q", "echo", "--timeout", "--", "-q")
    assert (done.returncode, done.stdout) == (0, b"--timeout -- -q\n")


def test_directory_and_variables(command: Command) -> None:
    variables = ("--env", "A=1", "--env", "EMPTY=", "--env", "B=x=y z")
    shell = 'echo "$PWD|$A|$EMPTY|$B"'
    done = command.run("run", "-q", "--cwd", "/tmp", *variables, "--", "sh", "-c", shell)
    assert (done.returncode, done.stdout) == (0, b"/tmp|1||x=y z\n")


def test_the_time_limit_stops_the_command(command: Command) -> None:
    script = "echo begun; exec sleep 1000"
    done = command.run("run", "-q", "--timeout", "1.5", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (124, b"begun\n")
    assert done.stderr.decode().startswith("agentbay: error: [timeout]")
    assert "1500 ms" in done.stderr.decode()


def test_a_command_that_says_timeout_is_no_timeout(command: Command) -> None:
    done = command.run("run", "-q", "--", "sh", "-c", "echo '[timeout]' >&2; exit 3")
    assert (done.returncode, done.stderr) == (3, b"[timeout]\n")


def test_a_signal_in_the_session_gives_the_shells_code(command: Command) -> None:
    done = command.run("run", "-q", "--", "sh", "-c", "kill -9 $$")
    assert (done.returncode, done.stdout) == (137, b"")


def test_standard_input_is_empty(command: Command) -> None:
    done = command.run("run", "-q", "--", "cat")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--image", "no_such_image"), "no_such_image"),
        (("--cwd", "/no/such/directory"), "/no/such/directory"),
    ],
    ids=["image", "directory"],
)
def test_what_is_refused_is_told(command: Command, options: tuple[str, ...], reason: str) -> None:
    done = command.run("run", "-q", *options, "--", "echo", "never")
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("agentbay: error: ")
    assert reason in line


def test_a_missing_program_is_told_by_the_shell(command: Command) -> None:
    done = command.run("run", "-q", "--", "no-such-program")
    assert (done.returncode, done.stdout) == (127, b"")
    assert "no-such-program: not found" in done.stderr.decode()


def test_an_unreachable_service_is_told(command: Command) -> None:
    env = {"AGENTBAY_ENDPOINT": "http://127.0.0.1:1", "AGENTBAY_API_KEY": "akm-never-shown"}
    done = command.run("run", "--", "true", env=env)
    assert (done.returncode, done.stdout) == (1, b"")
    using, error = done.stderr.decode().splitlines()
    assert using == "agentbay: using http://127.0.0.1:1 (AGENTBAY_ENDPOINT)"
    assert error.startswith("agentbay: error: No connection to http://127.0.0.1:1")


def test_an_endpoint_without_a_key_is_told(command: Command) -> None:
    done = command.run("run", "--", "true", env={"AGENTBAY_ENDPOINT": "http://127.0.0.1:1"})
    assert done.returncode == 1
    assert "AGENTBAY_API_KEY" in done.stderr.decode()


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--",),
        ("--timeout", "soon", "--", "true"),
        ("--timeout", "0", "--", "true"),
        ("--timeout", "nan", "--", "true"),
        ("--timeout", "1e308", "--", "true"),
        ("--env", "NAME", "--", "true"),
        ("--env", "=value", "--", "true"),
        ("--no-such-option", "--", "true"),
        ("--", "echo", "\udcff"),
    ],
    ids=[
        "nothing",
        "dashes",
        "word",
        "zero",
        "nan",
        "huge",
        "no-value",
        "no-name",
        "option",
        "not-utf8",
    ],
)
def test_usage_errors(command: Command, args: tuple[str, ...]) -> None:
    done = command.run("run", *args)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith("Usage: agentbay run ")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_went_away_is_no_traceback(command: Command, unbuffered: str) -> None:
    process = command.start(
        *("run", "-q", "--", "seq", "1000000"), env={"PYTHONUNBUFFERED": unbuffered}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(10) == 1


def test_a_full_disk_is_told(command: Command) -> None:
    with Path("/dev/full").open("wb") as full:
        done = command.run("run", "-q", "--", "echo", "lost", stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"agentbay: cannot write the output: No space left on device\n"


def test_a_closed_standard_output_is_told(command: Command) -> None:
    closing = ("sh", "-c", 'exec "$@" >&-', "sh")
    done = command.run("run", "-q", "--", "echo", "lost", prefix=closing)
    assert done.returncode == 1
    assert b"cannot write the output" in done.stderr


def test_the_command_runs_as_a_module_and_as_a_script_alike(command: Command) -> None:
    """The entry point of the distribution is what `python -m agentbay` runs."""
    code = "import sys; from agentbay.cli import main; sys.argv[0] = 'agentbay'; sys.exit(main())"
    module = command.run("--help")
    script = subprocess.run(
        [module.args[2], "-c", code, "--help"],
        cwd=command.cwd,
        env=command.env(),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (script.returncode, script.stdout) == (module.returncode, module.stdout)
