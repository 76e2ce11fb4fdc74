"""Stop and continue all descendants of a process, where no control group can freeze them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from agentbay.local.sandbox.base import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOOK_SECONDS = 0.002
_STOP_SECONDS = 10.0
_LOOKS_WITHOUT_FIND = 2
_CHASES = 100
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STOPPED = frozenset("Tt")
# Also dying, and waiting in the kernel, such as for a child that shares its memory.
_AT_REST = _STOPPED | frozenset("ZXD")


@frozen
class Process:
    """One process as ``/proc`` shows it.

    Attributes:
        started: Ticks since boot; together with the id it names one process for ever.
        cpu_seconds: Its own time and that of the children it has waited for.
    """

    pid: int
    state: str
    parent: int
    started: int
    cpu_seconds: float


def look_at(pid: int) -> Process | None:
    """Return a process; None when there is none of that id, or none that we may see."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name of the program, in parentheses, may hold anything.
    fields = text.rpartition(")")[2].split()
    ticks = sum(map(int, fields[11:15]))
    return Process(pid, fields[0], int(fields[1]), int(fields[19]), ticks / _TICKS)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def family(*roots: int) -> list[Process]:
    """Return these processes and all their descendants.

    In a PID namespace nothing escapes that: who loses its parent becomes a child of the first.
    """
    found = map(look_at, _pids())
    everybody = {process.pid: process for process in found if process is not None}
    by_parent: dict[int, list[int]] = {}
    for process in everybody.values():
        by_parent.setdefault(process.parent, []).append(process.pid)
    members: dict[int, Process] = {}
    pending = list(roots)
    while pending:
        pid = pending.pop()
        if pid in everybody and pid not in members:
            members[pid] = everybody[pid]
            pending += by_parent.get(pid, [])
    return list(members.values())


def private_bytes(processes: Iterable[Process]) -> int:
    """Return the memory that the processes have to themselves."""
    pages = 0
    for process in processes:
        try:
            resident, shared = Path(f"/proc/{process.pid}/statm").read_text().split()[1:3]
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        pages += int(resident) - int(shared)
    return pages * _PAGE_BYTES


class Stopper:
    """Stops processes by signals; unlike a frozen one, a stopped process can notice it later.

    Processes that were stopped already stay so afterwards. All methods block.

    Args:
        members: Returns all processes to stop.
        is_member: Tells of one process whether it is to be stopped, if its parent does not.
    """

    def __init__(
        self, members: Callable[[], list[Process]], is_member: Callable[[int], bool]
    ) -> None:
        self._members = members
        self._is_member = is_member
        self._stopped: dict[int, int] = {}

    def stop(self) -> None:
        """Stop all members, also those that are born meanwhile.

        It looks until it has twice found nobody new and everybody at rest: who is born, or
        loses its parent, while the list is read can be missing from it.

        Raises:
            SandboxError: Some go on for seconds.
        """
        deadline = time.monotonic() + _STOP_SECONDS
        looks = 0
        while looks < _LOOKS_WITHOUT_FIND:
            present = set(_pids())
            members = self._members()
            fresh = [member for member in members if self._stop(member)]
            running = [member.pid for member in members if member.state not in _AT_REST]
            chased = self._chase(present - self._stopped.keys())
            restless = bool(fresh or running or chased)
            if restless and time.monotonic() > deadline:
                raise SandboxError(f"processes do not stop: {running}")
            looks = 0 if restless else looks + 1
            time.sleep(_LOOK_SECONDS)

    def _stop(self, member: Process) -> bool:
        """Stop one, unless it is; True if it was not."""
        if member.state in _STOPPED or self._stopped.get(member.pid) == member.started:
            return False
        if _send(member, signal.SIGSTOP):
            self._stopped[member.pid] = member.started
        return True

    def _chase(self, strangers: set[int]) -> bool:
        """Look at newcomers only, and so quickly that they are stopped before they are gone.

        Else a program that does no more than start the next and end would always be ahead.

        Args:
            strangers: Who was there before and is no member.

        Returns:
            Whether there were any newcomers.
        """
        for turn in range(_CHASES):
            newcomers = set(_pids()) - strangers - self._stopped.keys()
            if not newcomers:
                return turn > 0
            for pid in sorted(newcomers, reverse=True):  # the youngest has the least time
                process = look_at(pid)
                if process is None:
                    continue
                if process.parent in self._stopped or self._is_member(pid):
                    self._stop(process)
                elif process.parent in strangers:
                    strangers.add(pid)
        return True

    def resume(self) -> None:
        """Let those continue that `stop` has stopped, children first.

        A shell that continued before its child would see it stopped, and take it for the
        user's wish.
        """
        stopped, self._stopped = self._stopped, {}
        for pid, started in reversed(stopped.items()):
            member = look_at(pid)
            if member is not None and member.started == started:
                _send(member, signal.SIGCONT)


def _send(process: Process, number: signal.Signals) -> bool:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True
