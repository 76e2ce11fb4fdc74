"""Find and end processes by a mark in their environment.

Without a PID namespace nothing else holds the processes of a session together: a daemon leaves
its process group, its session and its parent, but it keeps the environment it was started with.
"""

from __future__ import annotations

import os
import signal
import time

_PAUSE_SECONDS = 0.005
_LOOKS_WITHOUT_FIND = 2


def marked_processes(mark: str) -> list[int]:
    """Return the ids of other processes that were started with *mark* (``NAME=value``)."""
    own = os.getpid()
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if pid != own and is_marked(pid, mark)]


def is_marked(pid: int, mark: str) -> bool:
    """Tell whether a process was started with *mark*."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark.encode() in file.read().split(b"\0")
    except OSError:
        return False  # gone meanwhile, or of another user and so not ours


def kill_marked(mark: str, timeout: float) -> list[int]:
    """Kill the processes with *mark* until there are none, and return those that remain.

    They are other processes' children, and new ones may be born while the list is read, so
    there is nothing to wait on: it looks again, until *timeout* seconds are over. A process in
    the middle of `execve` has no environment to be seen: only a second look without a find is
    the end.
    """
    deadline = time.monotonic() + timeout
    looks = 0
    while looks < _LOOKS_WITHOUT_FIND:
        found = marked_processes(mark)
        if found and time.monotonic() > deadline:
            return found
        looks = 0 if found else looks + 1
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_PAUSE_SECONDS)
    return []
