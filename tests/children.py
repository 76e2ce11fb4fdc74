"""Run a script in an interpreter of its own, since it may be interrupted, fork or exit badly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT = 30.0
# A shell starts background jobs with SIGINT ignored, which this process would pass on.
DEFAULT_SIGNALS = (shutil.which("env") or "env", "--default-signal=INT,TERM,HUP")
# Development mode: warnings for everything left open or never awaited, asyncio's debug mode.
NOTHING_SET: Mapping[str, str] = MappingProxyType({})
STRICT = ("-X", "dev", "-W", "error")


@dataclass(frozen=True)
class Finished:
    """What a script did; ``seconds`` includes the start of the interpreter."""

    exit_code: int
    lines: list[str]
    stderr: str
    seconds: float


def run_script(
    source: str,
    *,
    flags: tuple[str, ...] = STRICT,
    root: Path = ROOT,
    env: Mapping[str, str] = NOTHING_SET,
    timeout: float = TIMEOUT,
) -> Finished:
    """Run *source* with the packages in *root* and return what it printed, in order.

    Of AgentBay's configuration it sees *env* and nothing of the developer's.
    Its standard input is empty and SIGINT is not ignored, as in a terminal. asyncio's notice of
    slow callbacks is off: it is about the machine, not about the script.
    """
    quiet = "import logging; logging.getLogger('asyncio').setLevel(logging.ERROR)\n"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AGENTBAY_")}
    started = time.monotonic()
    process = subprocess.Popen(
        [*DEFAULT_SIGNALS, sys.executable, *flags, "-u", "-c", quiet + textwrap.dedent(source)],
        cwd=root,
        env={**clean, "PYTHONPATH": str(root), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"the script hangs after: {stdout!r}\n{stderr}") from None
    return Finished(process.returncode, stdout.splitlines(), stderr, time.monotonic() - started)


def lines_of(
    source: str,
    *,
    flags: tuple[str, ...] = STRICT,
    root: Path = ROOT,
    env: Mapping[str, str] = NOTHING_SET,
) -> list[str]:
    """Run *source*, which must succeed and leave standard error empty, and return its lines."""
    finished = run_script(source, flags=flags, root=root, env=env)
    assert finished.stderr == ""
    assert finished.exit_code == 0
    return finished.lines
