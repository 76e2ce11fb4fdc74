"""Child processes on the event loop: watched through pidfds, without a thread for each."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING, Any

import anyio

from agentbay.local.sandbox.owner import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

_READ_BYTES = 64 * 1024
_TAIL_BYTES = 8 * 1024
_MAX_PIPE_BYTES = 64 * 1024
# Programs on the host's side of the wall see nothing of the runtime's environment, and nothing
# that the user of a session chose: LD_PRELOAD would take effect outside the sandbox.
HOST_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}


class Tail:
    """Reads a pipe to its end and keeps the last part of what it carried."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._data = bytearray()
        self._loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        self._loop.add_reader(fd, self._read)

    @property
    def text(self) -> str:
        """What was read last."""
        return self._data.decode(errors="replace").strip()

    def _read(self) -> None:
        data = os.read(self._fd, _READ_BYTES)
        if data:
            self._data = (self._data + data)[-_TAIL_BYTES:]
        else:
            self.close()

    def close(self) -> None:
        """Stop reading."""
        if not self.ended.is_set():
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self.ended.set()


class Child:
    """A child process that is reaped as soon as it ends.

    It is started by the thread of the event loop, which is what "parent" means to
    ``--die-with-parent``: a process started from a pool thread would die with that thread.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        pass_fds: Sequence[int],
        on_exit: Callable[[], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_exit = on_exit
        self.exited = asyncio.Event()
        read_fd, write_fd = os.pipe()
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=write_fd,
                pass_fds=pass_fds,
                env=marked(HOST_ENV),
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        self.errors = Tail(read_fd)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            self._process.kill()
            self._process.wait()
            self.errors.close()
            raise
        self._loop.add_reader(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self._process.kill()

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._process.wait()
        self.exited.set()
        if self._on_exit is not None:
            self._on_exit()


async def read_to_end(fd: int) -> bytes:
    """Read a pipe that carries little until its writers have closed it; closes it, too."""
    loop = asyncio.get_running_loop()
    os.set_blocking(fd, False)
    data = bytearray()
    readable = asyncio.Event()
    try:
        loop.add_reader(fd, readable.set)
        while len(data) < _MAX_PIPE_BYTES:
            await readable.wait()
            readable.clear()
            try:
                chunk = os.read(fd, _READ_BYTES)
            except BlockingIOError:
                continue  # told twice about what has been read already
            if not chunk:
                break
            data += chunk
        return bytes(data)
    finally:
        loop.remove_reader(fd)
        os.close(fd)


async def run_to_end(coroutine: Coroutine[Any, Any, None]) -> None:
    """Await clean-up that must not be left half done; a cancellation takes effect after it."""
    await join(asyncio.ensure_future(coroutine))


async def join(task: asyncio.Future[Any]) -> None:
    """Wait until *task* is done, however often the caller is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # else anyio cancels again in each turn of the loop
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as exc:
                cancelled = exc
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    await task
