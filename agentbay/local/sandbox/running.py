"""A sandbox made of local processes: what all kinds of local isolation share."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from agentbay.local.sandbox.base import Sandbox, SandboxDiedError, SandboxError
from agentbay.local.sandbox.link import Link
from agentbay.local.sandbox.process import Child, join
from agentbay.local.sandbox.trees import remove_tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from agentbay.local.sandbox.base import SandboxSpec, WorkerReply
    from agentbay.local.sandbox.cgroups import Cgroup

_START_SECONDS = 30.0
_END_SECONDS = 5.0
_REASON_SECONDS = 1.0


class LocalSandbox(Sandbox):
    """Processes, a socket, a control group and a directory that begin and end together.

    A start fills it in step by step; `close` undoes whatever has been done by then.
    """

    def __init__(self, spec: SandboxSpec, home: str) -> None:
        self._spec = spec
        self._home = home
        self._dead = asyncio.Event()
        self._link: Link | None = None
        self._child: Child | None = None
        self._closing: asyncio.Task[None] | None = None
        self._root_made = False
        self.cgroup: Cgroup | None = None

    @property
    def spec(self) -> SandboxSpec:
        """The specification it was started from."""
        return self._spec

    @property
    def home(self) -> str:
        """Home directory as seen inside."""
        return self._home

    @property
    def pid(self) -> int:
        """Process id of the outermost process."""
        if self._child is None:
            raise SandboxError(f"Sandbox {self._spec.id} has not been started")
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether calls can still be answered."""
        return self._closing is None and not self._dead.is_set()

    async def call(
        self, method: str, params: Mapping[str, Any], *, payload: bytes = b"", timeout: float
    ) -> WorkerReply:
        """Run one method of the worker and return its answer."""
        if self._link is None or not self.alive:
            raise SandboxDiedError(f"Sandbox {self._spec.id} has ended")
        return await self._link.call(method, params, payload=payload, timeout=timeout)

    async def wait_dead(self) -> None:
        """Return once the sandbox has ended, for whatever reason."""
        await self._dead.wait()

    def make_root(self) -> None:
        """Create the private directory; nobody else's is ever removed for it."""
        self._spec.root.mkdir(mode=0o700)
        self._root_made = True

    async def launch(
        self,
        command: Callable[[int], list[str]],
        settings: Mapping[str, Any],
        *,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Start the process that `command` returns for the number of the worker's socket."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                number = theirs.fileno()
                argv = command(number)
                if self.cgroup is not None:
                    argv = self.cgroup.wrap(argv)
                self._child = Child(argv, pass_fds=(number, *pass_fds), on_exit=self._dead.set)
            ours.setblocking(False)
            self._link = await Link.open(ours, self._spec.id, settings, self._dead.set)
        except BaseException:
            ours.close()
            raise

    async def ready(self) -> None:
        """Wait for the worker.

        Raises:
            SandboxError: It did not come up; the message has the last words of its process.
        """
        if self._link is None or self._child is None:
            raise SandboxError(f"Sandbox {self._spec.id} has not been launched")
        try:
            await self._link.ready()
        except SandboxDiedError as exc:
            with anyio.move_on_after(_REASON_SECONDS):
                await self._child.exited.wait()
                await self._child.errors.ended.wait()
            raise SandboxError(
                f"Sandbox {self._spec.id} failed to start (status {self._child.returncode}): "
                f"{self._child.errors.text or exc}"
            ) from exc

    async def close(self) -> None:
        """End every process of the sandbox, reap them and remove all its files."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._destroy())
        await join(self._closing)

    def kill(self) -> None:
        """Kill the processes at once; `children` tells when they are gone."""
        if self._child is not None:
            self._child.kill()

    def children(self) -> list[Child]:
        """Return the child processes to wait for."""
        return [] if self._child is None else [self._child]

    async def kill_strays(self) -> None:
        """Kill what may have outlived the outermost process; nothing by default."""

    async def _destroy(self) -> None:
        """Undo the start, each step even if the one before it failed."""
        problems: list[str] = []
        for step in (self._end_processes, self.kill_strays, self._remove_cgroup, self._remove_root):
            try:
                await step()
            except (SandboxError, OSError) as exc:
                problems.append(str(exc))
        self._dead.set()
        if problems:
            raise SandboxError(f"Failed to remove sandbox {self._spec.id}: {'; '.join(problems)}")

    async def _end_processes(self) -> None:
        self.kill()
        if self._link is not None:
            await self._link.close()
        if not await self._gone_within(_END_SECONDS):
            for child in self.children():
                child.kill()
            if not await self._gone_within(_END_SECONDS):
                raise SandboxError("some of its processes did not end")

    async def _gone_within(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            for child in self.children():
                await child.exited.wait()
        for child in self.children():
            child.errors.close()
        return all(child.exited.is_set() for child in self.children())

    async def _remove_cgroup(self) -> None:
        if self.cgroup is not None:
            await self.cgroup.remove()

    async def _remove_root(self) -> None:
        if self._root_made:
            await anyio.to_thread.run_sync(remove_tree, self._spec.root)


@asynccontextmanager
async def starting(sandbox: LocalSandbox) -> AsyncIterator[None]:
    """Bound the start in the block in time; one that fails or is cancelled leaves nothing.

    Raises:
        SandboxError: The start failed, for whatever reason.
    """
    name = sandbox.spec.id
    try:
        with anyio.fail_after(_START_SECONDS):
            yield
    except TimeoutError:
        await sandbox.close()
        raise SandboxError(f"Sandbox {name} was not ready in {_START_SECONDS:g} seconds") from None
    except OSError as exc:
        await sandbox.close()
        raise SandboxError(f"Failed to start sandbox {name}: {exc}") from exc
    except BaseException:
        await sandbox.close()
        raise
