"""Sandboxes made by bubblewrap: Linux namespaces and a private root file system."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import anyio
from attrs import evolve, frozen

from agentbay.local.sandbox import rootfs
from agentbay.local.sandbox.base import (
    Isolation,
    Network,
    SandboxDiedError,
    SandboxError,
    SandboxSpec,
)
from agentbay.local.sandbox.cgroups import Cgroups
from agentbay.local.sandbox.families import Process, family
from agentbay.local.sandbox.interpreter import (
    WORKER_CODE,
    WORKER_OPTIONS,
    Interpreter,
    find_interpreter,
)
from agentbay.local.sandbox.network import Uplink, missing_for_nat
from agentbay.local.sandbox.owner import sweep_processes
from agentbay.local.sandbox.process import HOST_ENV, Child, read_to_end, run_to_end
from agentbay.local.sandbox.running import LocalSandbox, starting
from agentbay.local.sandbox.seccomp import key_ring_filter

if TYPE_CHECKING:
    from pathlib import Path

_logger = logging.getLogger(__name__)
_PROGRAM = "bwrap"
_CHECK_SECONDS = 10.0
_SPAWN_SECONDS = 10.0
_DISABLE_USERNS_SINCE = (0, 8)
_NAMESPACES = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    "--unshare-cgroup-try",
)
_CONFINEMENT = (
    "--die-with-parent",
    "--new-session",  # no controlling terminal to push input into
    *("--cap-drop", "ALL"),
    *("--uid", str(rootfs.ID), "--gid", str(rootfs.ID)),
)


class Bubblewrap(Isolation):
    """Starts each sandbox in its own user, PID, mount, IPC, UTS, network and cgroup namespaces.

    A sandbox sees ``/usr`` of the host read-only and nothing of any home directory; its files
    live in a directory of its own. The kernel ends it together with the thread that runs the
    event loop of `start`.
    """

    def __init__(self) -> None:
        self._prepared: _Host | None = None
        self._told = False

    @property
    def name(self) -> str:
        """Name as given to ``--isolation``."""
        return "bubblewrap"

    def check(self) -> None:
        """Make a sandbox that does nothing, and remove what killed runtimes left."""
        _check_namespaces()
        self._prepared = _Host.prepare()

    async def start(self, spec: SandboxSpec) -> BubblewrapSandbox:
        """Start one sandbox."""
        if self._prepared is None:
            self._prepared = await anyio.to_thread.run_sync(_Host.prepare)
        effective = self._prepared.effective(spec)
        if effective.network is not spec.network and not self._told:
            self._told = True
            _logger.warning("sandboxes have no network: %s", self._prepared.missing_for_nat)
        sandbox = BubblewrapSandbox(effective)
        async with starting(sandbox):
            await sandbox.start(self._prepared)
        return sandbox


class BubblewrapSandbox(LocalSandbox):
    """A worker behind bubblewrap, with its uplink."""

    def __init__(self, spec: SandboxSpec) -> None:
        super().__init__(spec, rootfs.HOME)
        self._init: int | None = None
        self._init_fd: int | None = None
        self._uplink: Uplink | None = None

    async def start(self, host: _Host) -> None:
        """Bring it up; when this fails, `close` removes what there is."""
        spec = self.spec
        self.make_root()
        files = spec.root / "fs"
        files.mkdir()
        rootfs.build(files, spec, host.interpreter)
        if host.cgroups.available:
            self.cgroup = host.cgroups.create(spec.id, spec.limits)
        # For some milliseconds there is a process that would outlive bubblewrap, and whose id
        # only bubblewrap knows: no cancellation may come between.
        await run_to_end(self._spawn(host, files))
        await self.ready()
        if self._init is not None and spec.network is Network.NAT:
            # Not before: both bring the loopback up, and bubblewrap fails if it is up already.
            self._uplink = Uplink(self._init)
            await self._uplink.ready()

    async def _spawn(self, host: _Host, files: Path) -> None:
        """Start bubblewrap and take hold of the first process inside, when it gets that far."""
        info_fd = await self._launch(host, files)
        with anyio.fail_after(_SPAWN_SECONDS):
            info = await read_to_end(info_fd)
        if info:
            self._init = json.loads(info)["child-pid"]
            # It may be gone already; then waiting for the worker tells why.
            with contextlib.suppress(ProcessLookupError):
                self._init_fd = os.pidfd_open(self._init)

    async def _launch(self, host: _Host, files: Path) -> int:
        """Start bubblewrap and return the pipe by which it tells about the sandbox."""
        read_fd, info_fd = os.pipe()
        passed = [info_fd]
        try:
            options = ["--info-fd", str(info_fd)]
            if (program := key_ring_filter()) is not None:
                passed.append(_file_of(program))
                options += ["--seccomp", str(passed[-1])]
            await self.launch(
                lambda socket_fd: host.command(self.spec, files, options, socket_fd),
                _settings(self.spec, host),
                pass_fds=passed,
            )
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            for fd in passed:
                os.close(fd)
        return read_fd

    def kill(self) -> None:
        """Kill the first process of the PID namespace, and all others with it.

        bubblewrap, outside, ends after the kernel has reaped them all.
        """
        if self._init_fd is None:
            super().kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_fd, signal.SIGKILL)
            os.close(self._init_fd)
            self._init_fd = None
        if self._uplink is not None:
            self._uplink.close()

    @property
    def first_pid(self) -> int:
        """Process id of the first process inside, as the host sees it."""
        if self._init is None:
            raise SandboxDiedError(f"Sandbox {self.spec.id} has ended")
        return self._init

    def processes(self) -> list[Process]:
        """Return all processes inside: not bubblewrap, which waits for their end outside."""
        return [process for process in family(self.pid) if process.pid != self.pid]

    def children(self) -> list[Child]:
        """Return the child processes to wait for."""
        uplink = [] if self._uplink is None else [self._uplink.child]
        return super().children() + uplink


@frozen
class _Host:
    """What the machine offers, found out once."""

    program: str
    interpreter: Interpreter
    cgroups: Cgroups
    missing_for_nat: str | None
    disable_userns: bool

    @classmethod
    def prepare(cls) -> _Host:
        """Look at the machine, remove what killed runtimes left and warn of what is missing."""
        program = _find_program()
        importlib.import_module("agentbay.local.worker.main")  # compiles it once for all sandboxes
        cgroups = Cgroups.detect()
        sweep_processes()
        cgroups.sweep()
        _warn_of_missing_limits(cgroups)
        return cls(
            program=program,
            interpreter=find_interpreter(),
            cgroups=cgroups,
            missing_for_nat=missing_for_nat(),
            disable_userns=_version(program) >= _DISABLE_USERNS_SINCE,
        )

    def effective(self, spec: SandboxSpec) -> SandboxSpec:
        """Return *spec* with the network that it can have."""
        if spec.network is not Network.NAT or self.missing_for_nat is None:
            return spec
        return evolve(spec, network=Network.NONE)

    def command(
        self, spec: SandboxSpec, files: Path, options: list[str], socket_fd: int
    ) -> list[str]:
        """Return the command line of one sandbox."""
        network = [] if spec.network is Network.HOST else ["--unshare-net"]
        return [
            self.program,
            *_NAMESPACES,
            *network,
            *(["--disable-userns"] if self.disable_userns else []),
            *_CONFINEMENT,
            *("--hostname", spec.id),
            *options,
            *rootfs.mounts(files, spec, self.interpreter),
            *rootfs.small_disk(spec.limits.disk_bytes),
            # Run by root, the sandbox's user owns much of /proc, /proc/sys included.
            *("--proc", "/proc", "--remount-ro", "/proc"),
            *("--dev", "/dev", "--perms", "1777", "--size", str(spec.limits.memory_bytes // 2)),
            *("--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108
            *("--chdir", rootfs.HOME),
            "--",
            str(self.interpreter.executable),
            *WORKER_OPTIONS,
            WORKER_CODE,
            rootfs.WORKER_PARENT,
            str(socket_fd),
        ]


def _file_of(data: bytes) -> int:
    """Return a descriptor to read *data* from."""
    fd = os.memfd_create("seccomp")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _settings(spec: SandboxSpec, host: _Host) -> dict[str, Any]:
    """Return what the worker is told before anything else."""
    limits = spec.limits
    rlimits = {
        "processes": limits.processes,
        "open_files": limits.open_files,
        "file_bytes": limits.file_bytes,
    }
    if "memory" not in host.cgroups.controllers:
        rlimits["data_bytes"] = limits.memory_bytes
    env = {
        "HOME": rootfs.HOME,
        "LANG": "C.UTF-8",
        "LOGNAME": rootfs.USER,
        "PATH": rootfs.PATH,
        "SHELL": rootfs.shell(),
        "USER": rootfs.USER,
    }
    return {
        "home": rootfs.HOME,
        "packages": rootfs.PACKAGES if spec.packages is not None else "",
        "env": {**env, **spec.env},
        "rlimits": rlimits,
        "cpu_seconds": limits.cpu_seconds,
        "mark": None,
    }


def _find_program() -> str:
    program = shutil.which(_PROGRAM)
    if program is None:
        raise SandboxError(
            "bubblewrap is not installed; install it with 'apt install bubblewrap' "
            "or start with --isolation none"
        )
    return program


def _version(program: str) -> tuple[int, ...]:
    answer = subprocess.run(
        [program, "--version"],
        capture_output=True,
        check=True,
        env=HOST_ENV,
        text=True,
        timeout=_CHECK_SECONDS,
    )
    return tuple(int(number) for number in re.findall(r"\d+", answer.stdout))


def _check_namespaces() -> None:
    """Try the namespaces out: kernels and containers may forbid them to some users."""
    options = [*_NAMESPACES, "--unshare-net", *_CONFINEMENT, "--ro-bind", "/", "/"]
    try:
        subprocess.run(
            [_find_program(), *options, "--proc", "/proc", "--dev", "/dev", "--", "true"],
            capture_output=True,
            check=True,
            env=HOST_ENV,
            text=True,
            timeout=_CHECK_SECONDS,
        )
    except subprocess.CalledProcessError as exc:
        raise SandboxError(
            f"bubblewrap cannot make a sandbox here: {exc.stderr.strip()}; allow unprivileged "
            "user namespaces or start with --isolation none"
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise SandboxError(f"bubblewrap did not answer within {exc.timeout:g} seconds") from exc


def _warn_of_missing_limits(cgroups: Cgroups) -> None:
    if "memory" not in cgroups.controllers:
        # The usual case of an ordinary user, who can do nothing about it; `doctor` tells it.
        _logger.info("no memory control group: memory is limited for each process only")
    if "pids" not in cgroups.controllers and os.getuid() == 0:
        _logger.warning("no pids control group: the processes of a sandbox are not limited")
