"""Measure what a sandbox uses, from the outside: nothing inside can falsify it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agentbay.local.sandbox.base import SandboxSpec, Usage
from agentbay.local.sandbox.families import private_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentbay.local.sandbox.cgroups import Cgroup
    from agentbay.local.sandbox.families import Process

_LOOPBACK = "lo"
_SENT_FIELD = 8


def measure(
    spec: SandboxSpec,
    cgroup: Cgroup | None,
    first_pid: int,
    processes: Callable[[], list[Process]],
) -> Usage:
    """Measure a sandbox: by its control groups where these can tell, else by its processes.

    Raises:
        OSError: It has ended.
    """
    cpu_seconds = None if cgroup is None else cgroup.cpu_seconds()
    memory = None if cgroup is None else cgroup.memory_bytes()
    memory_total = machine_memory()
    if memory is not None:
        memory_total = min(memory_total, spec.limits.memory_bytes)
    inside = processes() if cpu_seconds is None or memory is None else []
    if cpu_seconds is None:
        cpu_seconds = sum(process.cpu_seconds for process in inside)
    if memory is None:
        memory = private_bytes(inside)
    received, sent = traffic(Path(f"/proc/{first_pid}/net/dev").read_text())
    disk = os.statvfs(spec.root)
    return Usage(
        time=time.monotonic(),
        cpus=len(os.sched_getaffinity(first_pid)),
        cpu_seconds=cpu_seconds,
        memory_bytes=memory,
        memory_total=memory_total,
        disk_bytes=(disk.f_blocks - disk.f_bfree) * disk.f_frsize,
        disk_total=disk.f_blocks * disk.f_frsize,
        received_bytes=received,
        sent_bytes=sent,
    )


def traffic(text: str) -> tuple[int, int]:
    """Return the bytes received and sent, from ``/proc/net/dev``, without the loopback."""
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, _, counters = line.rpartition(":")
        if name.strip() != _LOOPBACK:
            numbers = counters.split()
            received += int(numbers[0])
            sent += int(numbers[_SENT_FIELD])
    return received, sent


def machine_memory() -> int:
    """Return the memory of this machine in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
