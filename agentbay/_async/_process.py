"""Which process this is, in a text by which another can tell whether it still exists."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import secrets
import socket
import sys
from pathlib import Path

__all__ = ("has_ended", "identity")

_CHECKABLE = re.compile(r"(?P<host>[^/]+)/(?P<pid>\d{1,9})/(?P<started>\d{1,19})", re.ASCII)
_FOREIGN = re.compile(r"[^A-Za-z0-9.-]+")
_LONGEST_NAME = 40


def identity() -> str:
    """Return a text that no other process has, on any machine, also after a fork.

    Where the system tells enough (Linux), other processes of this machine can check it.
    """
    return _identity(os.getpid())


@functools.lru_cache(maxsize=4)
def _identity(pid: int) -> str:
    machine = _machine()
    facts = _look_at(pid) if machine else None
    if facts is None:
        # Not all digits, so nobody takes it for a start time.
        return f"{_host_name()}/{pid}/x{secrets.token_hex(8)}"
    _, _, started = facts
    return f"{machine}/{pid}/{started}"


def has_ended(process: str) -> bool | None:
    """Tell whether the process with this :func:`identity` no longer exists.

    Returns:
        ``None`` when that cannot be known from here. A process that exists but cannot be
        looked at, because it belongs to somebody else, counts as existing.
    """
    named = _CHECKABLE.fullmatch(process)
    if named is None or named["host"] != _machine():
        return None
    pid = int(named["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it exists; /proc may say more
    facts = _look_at(pid)
    if facts is None:
        return False
    state, threads, started = facts
    # A zombie only waits for its parent to take notice, unless its other threads run on.
    is_over = state in ("Z", "X") and threads <= 1
    return is_over or started != int(named["started"])


def _host_name() -> str:
    return _FOREIGN.sub("-", socket.gethostname())[:_LONGEST_NAME] or "host"


@functools.cache
def _namespaces(pid: int) -> str:
    """Return all that makes the ids and start times of processes comparable; empty if unknown."""
    proc = Path("/proc")
    try:
        # It may show the processes of another namespace, under other ids.
        if (proc / "self").readlink() != Path(str(pid)):
            return ""
        parts = [
            (proc / "sys/kernel/random/boot_id").read_text().strip(),
            str((proc / "self/ns/pid").readlink()),
        ]
        clock = proc / "self/ns/time"  # there since Linux 5.6
        parts += [str(clock.readlink())] if clock.is_symlink() else []
    except OSError:
        return ""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _machine() -> str:
    """Return what processes have in common that can check each other; empty if none can."""
    known = _namespaces(os.getpid()) if sys.platform == "linux" else ""
    return f"{_host_name()}-{known}" if known else ""


def _look_at(pid: int) -> tuple[str, int, int] | None:
    """Return state, number of threads, and start in ticks since boot; ``None`` if not shown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name of the program, in parentheses, may hold anything.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[17]), int(fields[19])
