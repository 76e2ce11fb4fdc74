"""A sandbox made of local processes: what all kinds of local isolation share."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import abstractmethod
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from agentbay.local.sandbox.base import Sandbox, SandboxDiedError, SandboxError
from agentbay.local.sandbox.families import Stopper
from agentbay.local.sandbox.link import Link
from agentbay.local.sandbox.process import Child, join
from agentbay.local.sandbox.trees import remove_tree
from agentbay.local.sandbox.usage import measure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from agentbay.local.sandbox.base import SandboxSpec, Stream, Usage, WorkerReply
    from agentbay.local.sandbox.cgroups import Cgroup
    from agentbay.local.sandbox.families import Process

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
        self._stopper = Stopper(self.processes, self.is_inside)
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
        return await self._living_link().call(method, params, payload=payload, timeout=timeout)

    async def freeze(self) -> None:
        """Return once no process of the sandbox runs; what they hold in memory stays."""
        link = self._living_link()
        link.hold_calls()
        try:
            await self.stop_processes()
        except (SandboxError, OSError) as exc:
            with contextlib.suppress(SandboxError):  # the first failure says more
                await self.thaw()
            raise SandboxError(f"Failed to freeze sandbox {self._spec.id}: {exc}") from exc

    async def thaw(self) -> None:
        """Let everything run on after `freeze`."""
        link = self._living_link()
        try:
            await self.continue_processes()
        finally:
            link.continue_calls()

    def _living_link(self) -> Link:
        if self._link is None or not self.alive:
            raise SandboxDiedError(f"Sandbox {self._spec.id} has ended")
        return self._link

    async def stop_processes(self) -> None:
        """Freeze the control group, else stop each process."""
        if self.cgroup is not None and self.cgroup.can_freeze:
            await self.cgroup.freeze()
        else:
            await anyio.to_thread.run_sync(self._stopper.stop)

    async def continue_processes(self) -> None:
        """Undo `stop_processes`."""
        if self.cgroup is not None and self.cgroup.can_freeze:
            await self.cgroup.thaw()
        else:
            await anyio.to_thread.run_sync(self._stopper.resume)

    @abstractmethod
    def processes(self) -> list[Process]:
        """Return all processes inside; blocks for some milliseconds."""

    def is_inside(self, pid: int) -> bool:  # noqa: ARG002 - for those who can tell
        """Return whether a process whose parent does not tell is one of `processes`."""
        return False

    @property
    @abstractmethod
    def first_pid(self) -> int:
        """Process id of the first process inside, as the host sees it."""

    async def usage(self) -> Usage:
        """Measure what the sandbox uses."""
        self._living_link()
        try:
            return await anyio.to_thread.run_sync(self._measure)
        except OSError as exc:
            raise SandboxDiedError(f"Sandbox {self._spec.id} has ended: {exc}") from exc

    def _measure(self) -> Usage:
        return measure(self._spec, self.cgroup, self.first_pid, self.processes)

    async def open_stream(
        self, method: str, params: Mapping[str, Any], *, timeout: float
    ) -> Stream:
        """Open a stream to what *method* of the worker gives."""
        return await self._living_link().open_stream(method, params, timeout=timeout)

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
        if self.cgroup is not None:
            # Frozen, the outermost process could not even wait for the first one inside.
            self.cgroup.kill_frozen()
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
