"""Shell commands: run, bounded in time and output, as process groups of their own."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import stat
import subprocess
import threading
import time

from .failures import CallError, failed
from .frames import CHUNK_BYTES, MAX_MESSAGE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .calls import Call, Settings

_GONE_SECONDS = 5.0
_PAUSE_SECONDS = 0.002
# A wait that takes much longer than it may was one of a paused session; the excess is not
# the command's time.
_LONGEST_WAIT_SECONDS = 1.0
_TOLERANCE_SECONDS = 0.5
TIMEOUT_EXIT_CODE = -1


class Drain:
    """Reads and drops what background processes write after their command was answered.

    Without a reader they would be killed by SIGPIPE, or block as soon as a pipe is full.
    """

    def __init__(self) -> None:
        self._poll = select.poll()
        self._wake_fd, self._woken_fd = os.pipe()
        self._poll.register(self._wake_fd, select.POLLIN)

    def start(self) -> None:
        """Start the one thread that does it, before the sandbox can be out of threads."""
        threading.Thread(target=self._run, daemon=True).start()

    def adopt(self, fd: int) -> None:
        """Take over the non-blocking read end of a pipe, and close it after its end."""
        self._poll.register(fd, select.POLLIN)
        os.write(self._woken_fd, b"\0")

    def _run(self) -> None:
        while True:
            for fd, _ in self._poll.poll():
                try:
                    data = os.read(fd, CHUNK_BYTES)
                except BlockingIOError:
                    continue
                if not data:
                    self._poll.unregister(fd)
                    os.close(fd)


class _Stream:
    """One output stream of a command."""

    def __init__(self, name: str, fd: int, limit: int) -> None:
        os.set_blocking(fd, False)
        self.name = name
        self.fd = fd
        self.left = limit
        self.silent = True
        self.open = True
        self.over = False

    def pump(self, call: Call) -> int:
        """Send on what one read gives, up to the limit, and return how much that was."""
        try:
            data = os.read(self.fd, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            self.open = False
            os.close(self.fd)
            return 0
        self.over = self.over or len(data) > self.left
        kept = data[: self.left]
        self.left -= len(kept)
        if kept:
            self.silent = False
            call.send_blob(self.name, kept)
        return len(data)

    def pump_rest(self, call: Call) -> None:
        """Send on what is in the pipe now; a background process may write for ever."""
        rest = fcntl.fcntl(self.fd, fcntl.F_GETPIPE_SZ) if self.open else 0
        while self.open and rest > 0 and (count := self.pump(call)):
            rest -= count


class _Command:
    """A running shell with the group of processes it leads."""

    def __init__(self, process: subprocess.Popen[bytes], streams: list[_Stream]) -> None:
        self._process = process
        self._streams = streams
        self._lock = threading.Lock()
        self._reaped = False
        self._left = 0.0
        self.timed_out = False

    def kill(self) -> None:
        """Kill the whole group, unless the shell is reaped: its id may be another's by then."""
        with self._lock:
            if not self._reaped:
                os.killpg(self._process.pid, signal.SIGKILL)

    def follow(self, call: Call, timeout: float) -> None:
        """Send on the output until the shell ends; kill the group when it has to."""
        self._left = timeout
        exit_fd = os.pidfd_open(self._process.pid)
        try:
            poll = select.poll()
            poll.register(exit_fd, select.POLLIN)
            by_fd = {stream.fd: stream for stream in self._streams}
            for fd in by_fd:
                poll.register(fd, select.POLLIN)
            while not self._step(poll, exit_fd, by_fd, call):
                pass
        finally:
            os.close(exit_fd)

    def _step(
        self,
        poll: select.poll,
        exit_fd: int,
        by_fd: dict[int, _Stream],
        call: Call,
    ) -> bool:
        """Handle what happens next; True once the shell has ended."""
        if self._left <= 0 and not self.timed_out:
            self.timed_out = True
            self.kill()
        wait = None if self.timed_out else min(max(self._left, 0.0), _LONGEST_WAIT_SECONDS)
        began = time.monotonic()
        ready = {fd for fd, _ in poll.poll(None if wait is None else wait * 1000 + 1)}
        woken = time.monotonic()
        self._left -= min(woken - began, _LONGEST_WAIT_SECONDS + _TOLERANCE_SECONDS)
        if exit_fd in ready:
            return True
        for fd in ready:
            stream = by_fd[fd]
            stream.pump(call)
            if not stream.open:
                poll.unregister(fd)
            elif stream.over:
                self.kill()
        self._left -= time.monotonic() - woken
        return False

    def collect(self, call: Call, drain: Drain) -> dict[str, Any]:
        """Reap the shell, hand its pipes on and return the facts about its end."""
        over = any(stream.over for stream in self._streams)
        killed = over or self.timed_out or call.cancelled
        for stream in self._streams:
            if not over:
                stream.pump_rest(call)
        with self._lock:
            self._reaped = True
            status = self._process.wait()
        if killed:
            wait_group_gone(self._process.pid)
        for stream in self._streams:
            if stream.open:
                drain.adopt(stream.fd)
            if stream.silent:
                call.send_blob(stream.name, b"")
        over = over or any(stream.over for stream in self._streams)
        code = 128 - status if status < 0 else status
        result: dict[str, Any] = {
            "exit_code": TIMEOUT_EXIT_CODE if self.timed_out else code,
            "timed_out": self.timed_out,
            "output_limit": over,
        }
        if status < 0:
            result["signal"] = -status
        return result


def wait_group_gone(group: int) -> None:
    """Wait until no process of a killed group is left.

    They are reaped by the sandbox's init, and no event tells that a group is empty.
    """
    deadline = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(_PAUSE_SECONDS)


def run_shell(call: Call, settings: Settings, drain: Drain) -> dict[str, Any]:
    """Run ``command`` by the shell and stream its output as blobs ``stdout`` and ``stderr``."""
    command = call.text("command")
    timeout = call.number_of("timeout_ms", 60_000) / 1000
    limit = call.number_of("output_bytes", MAX_MESSAGE_BYTES // 4)
    cwd = settings.resolve(call.text("cwd")) if call.params.get("cwd") is not None else None
    env = settings.environment(call.text_map("envs"))
    running = _spawn(command, cwd or settings.home, env, settings.cpu_seconds, limit)
    try:
        call.set_abort(running.kill)
        running.follow(call, timeout)
    except BaseException:
        running.kill()
        raise
    finally:
        call.set_abort(None)
        result = running.collect(call, drain)
    return result


def _spawn(
    command: str, cwd: str, env: dict[str, str], cpu_seconds: int | None, limit: int
) -> _Command:
    check_directory(cwd)
    arguments = limited(["/bin/sh", "-c", command], cpu_seconds)
    fds: list[int] = []
    try:
        fds += os.pipe()
        fds += os.pipe()
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=fds[1],
            stderr=fds[3],
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        for fd in fds[::2]:
            os.close(fd)
        if isinstance(exc, OSError):
            raise failed("execute command", command, exc) from exc
        raise CallError("invalid_argument", f"Failed to execute command: {exc}") from exc
    finally:
        for fd in fds[1::2]:
            os.close(fd)
    streams = [_Stream("stdout", fds[0], limit), _Stream("stderr", fds[2], limit)]
    return _Command(process, streams)


def limited(arguments: list[str], cpu_seconds: int | None) -> list[str]:
    """Return how to run *arguments* with a limit on the processor time of each process.

    A shell sets it: this process must not be bound, and its threads make it unsafe to run Python
    between fork and exec.
    """
    if cpu_seconds is None:
        return arguments
    return ["/bin/sh", "-c", 'ulimit -t "$0"; exec "$@"', str(cpu_seconds), *arguments]


def check_directory(path: str) -> None:
    """Accept a directory to run something in.

    Raises:
        CallError: It is none.
    """
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise failed("change directory", path, errno.ENOTDIR)
    except OSError as exc:
        raise failed("change directory", path, exc) from exc
