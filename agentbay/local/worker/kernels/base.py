"""What a kernel is to its host: a process with pipes, and events while it runs code."""

from __future__ import annotations

import codecs
import fcntl
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from select import PIPE_BUF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Emit = Callable[[dict[str, Any]], None]

_CHUNK_BYTES = 64 * 1024
_REMEMBERED_CHARACTERS = 2000
_GONE_SECONDS = 5.0


class KernelError(Exception):
    """A kernel cannot be started."""


class Pipe:
    """One output of the kernel's process and of the programs that it starts."""

    def __init__(self, name: str, fd: int) -> None:
        os.set_blocking(fd, False)
        self.name = name
        self.fd = fd
        self.open = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def pump(self) -> str | None:
        """Return what one read gives; ``None`` when there is nothing now."""
        try:
            data = os.read(self.fd, _CHUNK_BYTES)
        except BlockingIOError:
            return None
        if not data:
            self.close()
            return None
        return self._decoder.decode(data)

    def close(self) -> None:
        """Close it; idempotent."""
        if self.open:
            self.open = False
            os.close(self.fd)


class Kernel(ABC):
    """Base of the ways to run code; one execution at a time.

    Args:
        command: The command line of the process; it leads a process group.
        env: Its environment.
        pass_fds: Open files that it inherits.
    """

    def __init__(self, command: list[str], env: dict[str, str], pass_fds: tuple[int, ...]) -> None:
        self._pipes: list[Pipe] = []
        fds: list[int] = []
        try:
            fds += os.pipe()
            fds += os.pipe()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=fds[1],
                stderr=fds[3],
                env=env,
                pass_fds=pass_fds,
                start_new_session=True,
            )
            self._exit_fd = os.pidfd_open(self._process.pid)
        except OSError as exc:
            for fd in fds[::2]:
                os.close(fd)
            raise KernelError(f"{command[0]} cannot be started: {exc.strerror}") from exc
        finally:
            for fd in fds[1::2]:
                os.close(fd)
        self._pipes = [Pipe("stdout", fds[0]), Pipe("stderr", fds[2])]
        self._ended = False
        self._last_words = ""

    @abstractmethod
    def execute(self, code: str) -> None:
        """Begin to run *code*."""

    @abstractmethod
    def step(self, control_fd: int, seconds: float, emit: Emit) -> bool:
        """Wait for something to happen, pass it on, and return whether the host is spoken to.

        Args:
            control_fd: The file by which the host is spoken to.
            seconds: The longest wait.
            emit: Gets each event.
        """

    @property
    @abstractmethod
    def done(self) -> bool:
        """Whether the execution has ended and all its events have been passed on."""

    @property
    def count(self) -> int | None:
        """The number that the kernel gave to the execution, if kernels of its kind do."""
        return None

    @property
    def died(self) -> bool:
        """Whether the process has ended."""
        return self._ended

    def interrupt(self) -> None:
        """Ask the code to stop, as Ctrl-C does, and the programs that it runs."""
        self._signal(signal.SIGINT)

    def close(self) -> int:
        """Kill the process with all of its group, and return its exit status."""
        self._signal(signal.SIGKILL)
        status = self._process.wait(_GONE_SECONDS)
        self._ended = True
        for pipe in self._pipes:
            pipe.close()
        if self._exit_fd >= 0:
            os.close(self._exit_fd)
            self._exit_fd = -1
        return status

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            # Not reaped, so the id is still its own, even if it has ended.
            os.killpg(self._process.pid, number)

    def files(self) -> dict[int, Pipe | None]:
        """Return the files to wait for: the pipes, and what tells the end of the process."""
        found: dict[int, Pipe | None] = {pipe.fd: pipe for pipe in self._pipes if pipe.open}
        if not self._ended:
            found[self._exit_fd] = None
        return found

    def take(self, fd: int, emit: Emit) -> None:
        """Do what one of `files` is ready for."""
        pipe = self.files().get(fd)
        if pipe is not None:
            self._pump(pipe, emit)
        elif fd == self._exit_fd:
            self._ended = True

    def pump_rest(self, emit: Emit) -> None:
        """Pass on all that has been written by now."""
        for pipe in self._pipes:
            # As much as fits into it: a background process may write for ever.
            rounds = fcntl.fcntl(pipe.fd, fcntl.F_GETPIPE_SZ) // PIPE_BUF if pipe.open else 0
            while rounds > 0 and pipe.open and self._pump(pipe, emit):
                rounds -= 1

    def _pump(self, pipe: Pipe, emit: Emit) -> bool:
        chunk = pipe.pump()
        if chunk:
            self._last_words = (self._last_words + chunk)[-_REMEMBERED_CHARACTERS:]
            emit({"type": pipe.name, "chunk": chunk})
        return chunk is not None

    @property
    def last_words(self) -> str:
        """The end of what the process has written, to explain why it ended."""
        return self._last_words.strip()
