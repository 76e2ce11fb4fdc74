from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agentbay import __version__

if TYPE_CHECKING:
    from tests.cli.command import Command

COMMANDS = ("demo", "doctor", "run", "serve")
HIDE = """
import sys
from importlib.abc import MetaPathFinder

class Hide(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hide())
"""


def python(code: str, command: Command) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=command.cwd,
        env=command.env(),
        capture_output=True,
        check=False,
        timeout=30,
    )


def test_version(command: Command) -> None:
    done = command.run("--version")
    assert (done.returncode, done.stdout.decode()) == (0, f"agentbay {__version__}\n")


def test_help_names_every_command(command: Command) -> None:
    done = command.run("--help")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert text.startswith("Usage: agentbay [OPTIONS] COMMAND [ARGS]...")
    assert all(f"\n  {name}  " in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command: Command, name: str) -> None:
    done = command.run(name, "-h")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(f"Usage: agentbay {name} [OPTIONS]")


def test_no_command_is_a_usage_error(command: Command) -> None:
    done = command.run()
    assert done.returncode == 2
    assert b"Usage: agentbay" in done.stdout + done.stderr


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    done = command.run("fly")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "'fly'" in done.stderr.decode()


@pytest.mark.parametrize("hidden", ["typer", "rich"])
def test_without_its_extra_the_command_says_how_to_get_it(command: Command, hidden: str) -> None:
    run = "from agentbay.cli import main\nsys.exit(main())"
    done = python(HIDE.format(hidden=hidden) + run, command)
    assert (done.returncode, done.stdout) == (1, b"")
    assert 'pip install "agentbay-sdk[cli]"' in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_another_missing_module_is_not_blamed_on_the_extra(command: Command) -> None:
    run = "from agentbay.cli import main\nsys.exit(main())"
    done = python(HIDE.format(hidden="anyio") + run, command)
    assert done.returncode == 1
    assert "No module named 'anyio'" in done.stderr.decode()
    assert "agentbay-sdk[cli]" not in done.stderr.decode()


@pytest.mark.parametrize("module", ["agentbay", "agentbay.cli"])
def test_importing_brings_nothing_heavy(command: Command, module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'aiohttp', 'rich', 'typer'}} & set(sys.modules)))"
    assert python(code, command).stdout == b"[]\n"
