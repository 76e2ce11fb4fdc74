"""Sessions without isolation: plain child processes with a directory of their own."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from agentbay.local import worker
from agentbay.local.sandbox.base import Isolation, SandboxError
from agentbay.local.sandbox.families import Process, family
from agentbay.local.sandbox.guard import Guard
from agentbay.local.sandbox.interpreter import WORKER_CODE, WORKER_OPTIONS
from agentbay.local.sandbox.owner import sweep_processes
from agentbay.local.sandbox.process import HOST_ENV
from agentbay.local.sandbox.running import LocalSandbox, starting
from agentbay.local.worker.leftovers import is_marked, kill_marked, marked_processes

if TYPE_CHECKING:
    from agentbay.local.sandbox.base import SandboxSpec

_logger = logging.getLogger(__name__)
_MARK = "AGENTBAY_SANDBOX"
_KILL_SECONDS = 5.0
_WORKER_PARENT = Path(worker.__file__).parent.parent


class Unisolated(Isolation):
    """Runs sessions as this user, on this machine, with all that this user may do.

    For machines without bubblewrap, and only when asked for. Of the limits, memory and the
    sizes hold for each process, and the number of processes is not bounded.
    """

    def __init__(self) -> None:
        self._warned = False

    @property
    def name(self) -> str:
        """Name as given to ``--isolation``."""
        return "none"

    def check(self) -> None:
        """Remove what killed runtimes left; nothing is missing, it needs nothing but Python."""
        sweep_processes()

    async def start(self, spec: SandboxSpec) -> LocalSandbox:
        """Start one worker."""
        if not self._warned:
            self._warned = True
            _logger.warning(
                "sessions run WITHOUT ISOLATION: their commands can read, change and delete "
                "everything that user %d can, and use the network of this machine",
                os.getuid(),
            )
        if spec.limits.disk_bytes is not None:
            raise SandboxError("without isolation, what a session can write cannot be limited")
        sandbox = _UnisolatedSandbox(spec)
        async with starting(sandbox):
            await sandbox.start()
        return sandbox


class _UnisolatedSandbox(LocalSandbox):
    """A worker in its own session; its descendants are known by a mark in their environment."""

    def __init__(self, spec: SandboxSpec) -> None:
        super().__init__(spec, str(spec.root))
        self._mark = f"{_MARK}={secrets.token_hex(16)}"
        self._guard: Guard | None = None

    async def start(self) -> None:
        """Bring it up; when this fails, `close` removes what there is."""
        self.make_root()
        await self.launch(_command, self._settings())
        await self.ready()

    async def stop_processes(self) -> None:
        """Stop each process, the worker as well; a guard sees to it if this process ends."""
        if self._guard is None:
            self._guard = Guard(self.pid)
        await super().stop_processes()

    async def continue_processes(self) -> None:
        """Undo `stop_processes`."""
        await super().continue_processes()
        await self._dismiss_guard()

    async def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            await guard.dismiss()

    @property
    def first_pid(self) -> int:
        """Process id of the worker."""
        return self.pid

    def processes(self) -> list[Process]:
        """Return the worker and what the commands started, wherever it is by now."""
        return family(self.pid, *marked_processes(self._mark))

    def is_inside(self, pid: int) -> bool:
        """Return whether a process was started by a command."""
        return is_marked(pid, self._mark)

    async def kill_strays(self) -> None:
        """Kill what the commands left running, wherever it is in the tree of processes."""
        await self._dismiss_guard()
        left = await anyio.to_thread.run_sync(kill_marked, self._mark, _KILL_SECONDS)
        if left:
            raise SandboxError(f"processes {left} did not end")

    def _settings(self) -> dict[str, Any]:
        limits = self.spec.limits
        name, _, value = self._mark.partition("=")
        env = {
            "HOME": self.home,
            "LANG": HOST_ENV["LANG"],
            "PATH": os.environ.get("PATH", HOST_ENV["PATH"]),
        }
        return {
            "home": self.home,
            "packages": str(self.spec.packages or ""),
            "env": {**env, **self.spec.env, name: value},
            # Not the number of processes: that limit counts all processes of the user.
            "rlimits": {
                "open_files": limits.open_files,
                "file_bytes": limits.file_bytes,
                "data_bytes": limits.memory_bytes,
            },
            "cpu_seconds": limits.cpu_seconds,
            "mark": self._mark,
        }


def _command(socket_fd: int) -> list[str]:
    return [sys.executable, *WORKER_OPTIONS, WORKER_CODE, str(_WORKER_PARENT), str(socket_fd)]
