"""Bound, measure and freeze sandboxes by control groups, where we may create some.

Limits work with version 1 and 2. So do equal shares of the processors: a sandbox with a thousand
busy processes gets no more than one with a single one. Freezing is done with version 2 only, also
beside version 1: what version 1 has frozen cannot be killed, and would outlive a runtime that is.

Groups are created below the group of this process, so that its own limits keep holding, or
below the nearest ancestor that can take them. Their names carry the identity of the process
that made them; what a killed runtime left behind is recognised by that and swept.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from attrs import frozen

from agentbay.local.sandbox.base import SandboxError
from agentbay.local.sandbox.owner import PATTERN, identity, is_stale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agentbay.local.sandbox.base import Limits

_logger = logging.getLogger(__name__)
_NAME = re.compile(rf"agentbay-{PATTERN}-.+")
_REMOVE_SECONDS = 5.0
_SWEEP_SECONDS = 1.0
_PAUSE_SECONDS = 0.01
_FREEZE_SECONDS = 10.0
_FREEZE_PAUSE_SECONDS = 0.001
_OCTAL = re.compile(r"\\([0-7]{3})")

# Moves itself into each of the given groups and becomes the given program: no process of a
# sandbox is ever outside its groups.
_ENTER = (
    'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1" || exit 125; shift; n=$((n-1)); done; '
    'exec "$@"'
)


@frozen
class Hierarchy:
    """One place in the tree of control groups where sandboxes get theirs."""

    parent: Path
    mount: Path
    version: int
    controllers: frozenset[str]

    def settings(self, limits: Limits) -> Iterator[tuple[str, int]]:
        """Yield the files to write for *limits*; the last one may not exist."""
        if "pids" in self.controllers:
            yield "pids.max", limits.processes
        if "memory" in self.controllers and self.version == 1:
            yield "memory.limit_in_bytes", limits.memory_bytes
            yield "memory.memsw.limit_in_bytes", limits.memory_bytes
        elif "memory" in self.controllers:
            yield "memory.max", limits.memory_bytes
            yield "memory.swap.max", 0


# What is in use, and the part of it that the kernel gives back when it is short of memory.
_MEMORY_USAGE = (
    ("memory.usage_in_bytes", "total_inactive_file"),
    ("memory.current", "inactive_file"),
)
# The kernel may be built or started without accounting of swap.
_OPTIONAL = frozenset({"memory.memsw.limit_in_bytes", "memory.swap.max"})


class Cgroup:
    """The control groups of one sandbox, one for each hierarchy."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._unified = next((path for path in paths if (path / "cgroup.freeze").exists()), None)
        self._frozen = False

    @property
    def can_freeze(self) -> bool:
        """Whether `freeze` works."""
        return self._unified is not None

    async def freeze(self) -> None:
        """Return once no process of the groups runs any more.

        Raises:
            SandboxError: Some cannot be stopped, or the groups are gone.
        """
        await self._set_frozen(True)

    async def thaw(self) -> None:
        """Undo `freeze`.

        Raises:
            SandboxError: The groups are gone.
        """
        await self._set_frozen(False)

    async def _set_frozen(self, frozen: bool) -> None:
        if self._unified is None:
            raise SandboxError("there is no control group of version 2 to freeze")
        self._frozen = frozen
        wanted = f"frozen {frozen:d}"
        deadline = time.monotonic() + _FREEZE_SECONDS
        try:
            (self._unified / "cgroup.freeze").write_text(f"{frozen:d}")
            while wanted not in (self._unified / "cgroup.events").read_text().splitlines():
                if time.monotonic() > deadline:
                    raise SandboxError(f"control group {self._unified} does not become {wanted!r}")
                await anyio.sleep(_FREEZE_PAUSE_SECONDS)
        except OSError as exc:
            raise SandboxError(f"control group {self._unified} cannot be used: {exc}") from exc

    def kill_frozen(self) -> None:
        """Kill everything in the groups if they are frozen; none of it runs again."""
        if self._frozen and self._unified is not None:
            _kill_members(self._unified)

    def cpu_seconds(self) -> float | None:
        """Return the processor time used so far, ended processes included; None if not known."""
        if self._unified is None:
            return None
        return _statistics(self._unified / "cpu.stat")["usage_usec"] / 1_000_000

    def memory_bytes(self) -> int | None:
        """Return the memory in use, without the files that are cached; None if not known."""
        for path in self.paths:
            for usage, cache in _MEMORY_USAGE:
                if (path / usage).exists():
                    used = int((path / usage).read_text())
                    return max(used - _statistics(path / "memory.stat")[cache], 0)
        return None

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """Return a command that enters the groups and then becomes *argv*."""
        files = [str(path / "cgroup.procs") for path in self.paths]
        return ["/bin/sh", "-c", _ENTER, "sh", str(len(files)), *files, *argv]

    async def remove(self) -> None:
        """Kill what is left in the groups and remove them.

        Raises:
            SandboxError: They are still in use after some seconds.
        """
        deadline = time.monotonic() + _REMOVE_SECONDS
        while not self.remove_now():
            if time.monotonic() > deadline:
                raise SandboxError(f"control groups cannot be removed: {list(self.paths)}")
            await anyio.sleep(_PAUSE_SECONDS)

    def remove_now(self) -> bool:
        """Kill what is in the groups and try to remove them; True once they are gone."""
        return _kill_and_remove(self.paths)


class Cgroups:
    """Makes control groups in the hierarchies that this process may use."""

    def __init__(self, hierarchies: Sequence[Hierarchy]) -> None:
        self._hierarchies = hierarchies

    @classmethod
    def detect(cls) -> Cgroups:
        """Find the hierarchies for processors, memory and processes that we may write to."""
        return cls(find_hierarchies(*own_place()))

    @property
    def available(self) -> bool:
        """Whether groups can be made, if only to freeze and to measure."""
        return bool(self._hierarchies)

    @property
    def controllers(self) -> frozenset[str]:
        """What can be bounded or shared out: some of ``cpu``, ``memory`` and ``pids``."""
        return frozenset().union(*(hierarchy.controllers for hierarchy in self._hierarchies))

    def create(self, name: str, limits: Limits) -> Cgroup:
        """Create the groups of the sandbox called *name*."""
        made: list[Path] = []
        group = f"agentbay-{identity()}-{secrets.token_hex(4)}-{name}"
        try:
            for hierarchy in self._hierarchies:
                path = hierarchy.parent / group
                path.mkdir()
                made.append(path)
                _apply(path, hierarchy, limits)
        except OSError as exc:
            for path in made:
                path.rmdir()
            raise SandboxError(f"Failed to create a control group: {exc}") from exc
        return Cgroup(made)

    def sweep(self) -> None:
        """Remove the groups of runtimes that were killed; blocks for some milliseconds."""
        for hierarchy in self._hierarchies:
            for path in stale_groups(hierarchy.mount):
                deadline = time.monotonic() + _SWEEP_SECONDS
                while not _kill_and_remove([path]):
                    if time.monotonic() > deadline:
                        _logger.warning("cannot remove the stale control group %s", path)
                        break
                    time.sleep(_PAUSE_SECONDS)


def _apply(path: Path, hierarchy: Hierarchy, limits: Limits) -> None:
    for name, value in hierarchy.settings(limits):
        file = path / name
        if name not in _OPTIONAL or file.exists():
            file.write_text(str(value))


def _statistics(file: Path) -> dict[str, int]:
    """Read a file of names and numbers."""
    pairs = (line.split() for line in file.read_text().splitlines())
    return {name: int(value) for name, value in pairs}


def _kill_and_remove(paths: Sequence[Path]) -> bool:
    """Kill what is in the groups and try to remove them; True once they are gone."""
    gone = True
    for path in paths:
        try:
            _kill_members(path)
            path.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            gone = False  # in use by a process that is dying, or was born meanwhile
    return gone


def _kill_members(path: Path) -> None:
    kill = path / "cgroup.kill"
    if kill.exists():
        kill.write_text("1")
        return
    for pid in map(int, (path / "cgroup.procs").read_text().split()):
        if pid != 0:  # 0 stands for a process outside our PID namespace
            os.kill(pid, signal.SIGKILL)


def stale_groups(mount: Path) -> Iterator[Path]:
    """Yield groups below *mount* whose maker is no more."""
    for directory, names, _ in os.walk(mount):
        for name in names:
            match = _NAME.fullmatch(name)
            if match is not None and is_stale(match):
                yield Path(directory, name)
        names[:] = [name for name in names if _NAME.fullmatch(name) is None]


def own_place() -> tuple[str, str]:
    """Return what the kernel tells about all mounts, and about the groups of this process."""
    return Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()


def find_hierarchies(mountinfo: str, membership: str) -> list[Hierarchy]:
    """Choose, from the two files of /proc, where groups for sandboxes can be made.

    One of version 2 is chosen even if it has no controllers to hand down: it can be frozen.
    """
    own = _memberships(membership)
    missing = frozenset({"cpu", "memory", "pids"})
    chosen: list[Hierarchy] = []
    for line in mountinfo.splitlines():
        mount, root, kind, options = _parse_mount(line)
        if kind == "cgroup":
            version, controllers = 1, missing.intersection(options.split(","))
            group = next((own[name] for name in sorted(controllers) if name in own), "/")
            parent = _own_group(_locate(mount, root, group))
        elif kind == "cgroup2":
            version, controllers = 2, missing - {"cpu"}
            path = _locate(mount, root, own.get("", "/"))
            parent = _delegated_group(path, mount, controllers)
            if parent is None:
                controllers = frozenset()
                parent = _delegated_group(path, mount, controllers)
            if parent is not None:
                controllers |= missing & {"cpu"} & _handed_down(parent)
        else:
            continue
        if parent is not None and (controllers or version == 2):
            chosen.append(Hierarchy(parent, mount, version, controllers))
            missing -= controllers
    return chosen


def memory_limit(mountinfo: str, membership: str) -> int | None:
    """Return the least limit of memory that holds for this process; None when there is none."""
    own = _memberships(membership)
    limits: list[int] = []
    for line in mountinfo.splitlines():
        mount, root, kind, options = _parse_mount(line)
        if kind == "cgroup" and "memory" in options.split(","):
            path, name = _locate(mount, root, own.get("memory", "/")), "memory.limit_in_bytes"
        elif kind == "cgroup2":
            path, name = _locate(mount, root, own.get("", "/")), "memory.max"
        else:
            continue
        groups = (path, *path.parents[: len(path.relative_to(mount).parts)])
        texts = [(group / name).read_text() for group in groups if (group / name).is_file()]
        limits += [int(text) for text in texts if text.strip() != "max"]
    return min(limits, default=None)


def _memberships(text: str) -> Mapping[str, str]:
    """Return the group of this process for each controller; the key of version 2 is empty."""
    own: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        own.update(dict.fromkeys(controllers.split(","), path))
    return own


def _parse_mount(line: str) -> tuple[Path, str, str, str]:
    """Return mount point, root, type and options of the file system of one line."""
    left, _, right = line.partition(" - ")
    fields = left.split()
    kind, _, options = right.split(" ", 2)
    point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
    return Path(point), fields[3], kind, options


def _locate(mount: Path, root: str, group: str) -> Path:
    """Return the directory of *group*; the mount itself when the group is not below it."""
    relative = os.path.relpath(group, root)
    path = mount / relative
    return mount if relative.startswith("..") or not path.is_dir() else path


def _own_group(path: Path) -> Path | None:
    return path if os.access(path, os.W_OK) else None


def _handed_down(path: Path) -> frozenset[str]:
    """Return the controllers that a group of version 2 hands to its children."""
    return frozenset((path / "cgroup.subtree_control").read_text().split())


def _delegated_group(path: Path, mount: Path, wanted: frozenset[str]) -> Path | None:
    """Return the nearest group from *path* upwards that hands *wanted* to its children."""
    while True:
        if (
            (path / "cgroup.subtree_control").is_file()
            and wanted <= _handed_down(path)
            and os.access(path, os.W_OK)
            and os.access(path / "cgroup.procs", os.W_OK)
        ):
            return path
        if path == mount:
            return None
        path = path.parent
