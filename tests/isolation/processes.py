"""What the kernel tells about processes and files of the test process."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agentbay.local.sandbox.cgroups import find_hierarchies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


CHECKOUT = Path(__file__).parents[2]


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            continue  # an idle thread that ended meanwhile
    return found


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children and so on."""
    found: list[int] = []
    pending = children(pid)
    while pending:
        child = pending.pop()
        found.append(child)
        pending += children(child)
    return found


def mentioning(path: Path) -> list[str]:
    """Return the command lines that name *path*: of whoever is parent of the processes."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(path) in line:
            found.append(line)
    return found


def wait_all_gone(pidfds: Iterable[int], seconds: float) -> bool:
    """Wait until all processes behind the descriptors have ended, and close these."""
    poll = select.poll()
    pending = set(pidfds)
    for fd in pending:
        poll.register(fd, select.POLLIN)
    while pending:
        ready = poll.poll(seconds * 1000)
        if not ready:
            return False
        for fd, _ in ready:
            poll.unregister(fd)
            os.close(fd)
            pending.discard(fd)
    return True


def control_groups(owner: int) -> list[Path]:
    """Return the control groups that sandboxes of process *owner* have."""
    hierarchies = find_hierarchies(
        Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()
    )
    return [
        path for hierarchy in hierarchies for path in hierarchy.parent.glob(f"agentbay-*-{owner}-*")
    ]


def open_files() -> dict[int, str]:
    """Return what each descriptor of this process refers to."""
    found: dict[int, str] = {}
    for path in Path("/proc/self/fd").iterdir():
        try:
            found[int(path.name)] = str(path.readlink())
        except FileNotFoundError:
            continue  # the directory itself
    return found


class Holdings:
    """What this process holds: descriptors, child processes, control groups and threads."""

    def __init__(self) -> None:
        self._held = self._now()

    @staticmethod
    def _now() -> set[object]:
        # Threads of anyio's pool come and go by themselves.
        threads = [thread for thread in threading.enumerate() if "AnyIO" not in thread.name]
        own = os.getpid()
        return {*open_files().items(), *children(own), *control_groups(own), *threads}

    def grown(self) -> set[object]:
        """Return what is new; what tests before this one held may have gone meanwhile."""
        return self._now() - self._held

    def grown_for_good(self, seconds: float = 5) -> set[object]:
        """Return what is new and stays: what was cancelled may leave a thread to end its work."""
        deadline = time.monotonic() + seconds
        while (grown := self.grown()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return grown


def names_in(directory: Path) -> list[str]:
    """Return the sorted names in a directory."""
    return sorted(path.name for path in directory.iterdir())


@contextmanager
def program(*argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program that is killed at the end of the block, if it has not ended."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=CHECKOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
