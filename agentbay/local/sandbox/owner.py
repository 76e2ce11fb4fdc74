"""Mark what belongs to this runtime, so that a later one can tell what it left when killed."""

from __future__ import annotations

import logging
import os
import re
import signal
from pathlib import Path

from agentbay.local.sandbox.families import look_at

_logger = logging.getLogger(__name__)
_VARIABLE = "AGENTBAY_RUNTIME"
PATTERN = r"(?P<namespace>\d+)-(?P<pid>\d+)-(?P<started>\d+)"
_MARK = re.compile(rf"{_VARIABLE}={PATTERN}")


def identity() -> str:
    """Return what no other process has at any time until the next boot."""
    pid = os.getpid()
    return f"{_pid_namespace()}-{pid}-{process_started(pid)}"


def marked(env: dict[str, str]) -> dict[str, str]:
    """Return *env* with the mark by which `sweep_processes` knows our children."""
    return {**env, _VARIABLE: identity()}


def is_stale(match: re.Match[str]) -> bool:
    """Tell whether the process that `PATTERN` matched was one of our PID namespace, and ended."""
    if int(match["namespace"]) != _pid_namespace():
        return False
    return process_started(int(match["pid"])) != int(match["started"])


def process_started(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; None when there is none."""
    process = look_at(pid)
    return None if process is None else process.started


def sweep_processes() -> None:
    """Kill children of runtimes that were killed.

    The kernel ends a sandbox with its runtime, but not in the first milliseconds: until
    bubblewrap has told its child to go on, the child waits for it, for ever if need be.
    """
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:
            continue  # gone meanwhile, or of another user and so not ours
        for variable in variables:
            match = _MARK.fullmatch(os.fsdecode(variable))
            if match is not None and is_stale(match):
                _logger.warning("ending process %s of a runtime that was killed", path.parent.name)
                _kill(int(path.parent.name))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _pid_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino
