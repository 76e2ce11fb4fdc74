"""The text that names a process, and what another process makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentbay._async._process import has_ended, identity
from tests.children import ROOT, lines_of

NAMED = "from agentbay._async._process import identity; print(identity(), flush=True); input()"


@pytest.fixture
def other() -> subprocess.Popen[str]:
    """A process that waits for its end."""
    return subprocess.Popen(
        [sys.executable, "-c", NAMED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def named(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_this_process_exists() -> None:
    assert identity() == identity()
    assert has_ended(identity()) is False


def test_a_name_is_short_and_plain() -> None:
    assert len(identity()) <= 100
    assert set(identity()) <= set(map(chr, range(ord("!"), ord("~") + 1)))


def test_life_and_death_of_another_process(other: subprocess.Popen[str]) -> None:
    with other:
        name = named(other)
        assert name != identity()
        assert has_ended(name) is False
        other.send_signal(signal.SIGSTOP)
        assert has_ended(name) is False
        other.kill()
        # Nobody has waited for it yet: a zombie.
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(name) is True
    assert has_ended(name) is True


def test_an_id_that_was_given_again_is_another_process(other: subprocess.Popen[str]) -> None:
    with other:
        machine, pid, started = named(other).split("/")
        assert has_ended(f"{machine}/{pid}/{int(started) - 1}") is True
        other.communicate("\n")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nobody",
        "elsewhere-0123456789abcdef01234567/1/1",
        "{machine}/1",
        "{machine}/x/1",
        "{machine}/1/x0123456789abcdef",
        "{machine}/-1/1",
        "{machine}/1/1/1",
        "{machine}/\u0661/1",
        "{machine}/9999999999999999/1",
    ],
)
def test_what_cannot_be_known(name: str) -> None:
    machine = identity().split("/")[0]
    assert has_ended(name.format(machine=machine)) is None


def test_a_process_of_somebody_else_exists() -> None:
    machine = identity().split("/")[0]
    started = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    assert has_ended(f"{machine}/1/{started}") is False


def test_a_forked_child_is_another_process() -> None:
    source = """
    import os
    from agentbay._async._process import has_ended, identity
    parent = identity()
    pid = os.fork()
    if pid == 0:
        print(has_ended(parent), has_ended(identity()), identity() == parent, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    """
    assert lines_of(source) == ["False False False"]


@pytest.mark.parametrize("proc", [(), ("--proc", "/proc")], ids=["proc-of-host", "own-proc"])
def test_ids_of_another_namespace_mean_nothing_here(proc: tuple[str, ...]) -> None:
    ask = "import sys; from agentbay._async._process import has_ended, identity"
    tell = f"{ask}; print(identity(), has_ended(sys.argv[1]))"
    sandbox = ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", *proc, "--"]
    answer = subprocess.run(
        [*sandbox, sys.executable, "-c", tell, identity()],
        capture_output=True,
        check=True,
        cwd=ROOT,
        text=True,
    )
    name, host_has_ended = answer.stdout.split()
    assert host_has_ended == "None"
    assert has_ended(name) is None
    assert name.split("/")[0] != identity().split("/")[0]
