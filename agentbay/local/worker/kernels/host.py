"""The kernel host: one kernel, one execution at a time, within its limits.

It ends with its kernel; for another one the runtime starts another host.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from .base import KernelError
from .languages import start_kernel
from .messages import Decoder, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .base import Kernel

_CHUNK_BYTES = 64 * 1024
_INTERRUPT_SECONDS = 2.0
# A wait that takes much longer than it may was one of a paused session; the excess is not
# the code's time.
_LONGEST_WAIT_SECONDS = 1.0
_TOLERANCE_SECONDS = 0.5


class _Execution:
    """An execution in progress: its limits, and what it has sent."""

    def __init__(self, message: dict[str, Any], send: _Sender) -> None:
        self.number: int = message["number"]
        self.stopped = ""
        self.left = float(message["timeout"])
        self.began = time.monotonic()
        self._send = send
        self._output_left: int = message["output_bytes"]

    def emit(self, event: dict[str, Any]) -> None:
        """Send an event of the kernel, as far as the limit of output allows."""
        if self.stopped == "output_limit":
            return
        body = encode({"number": self.number, **event})
        chunk = event["chunk"].encode(errors="replace") if "chunk" in event else None
        size = len(body if chunk is None else chunk)
        if size <= self._output_left:
            self._output_left -= size
            self._send(body)
            return
        self.stopped = "output_limit"
        self.left = 0.0
        if chunk is not None:
            first = chunk[: self._output_left].decode(errors="ignore")
            self._send(encode({"number": self.number, **event, "chunk": first}))

    def end(self, count: int | None, reason: str) -> None:
        """Send the end; *reason* tells why the kernel ended with it, if it did."""
        message = {
            "type": "end",
            "number": self.number,
            "count": count,
            "seconds": time.monotonic() - self.began,
            "stopped": self.stopped,
            "reason": reason,
        }
        self._send(encode(message))


class _Sender:
    """Sends messages to the runtime; waits while that is slow to take them."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __call__(self, body: bytes) -> None:
        data = memoryview(body)
        while data:
            data = data[os.write(self._fd, data) :]


class Host:
    """A host and its kernel.

    Args:
        fd: The socket to the runtime.
        kernel: A kernel that is ready.
    """

    def __init__(self, fd: int, kernel: Kernel) -> None:
        self._fd = fd
        self._kernel = kernel
        self._send = _Sender(fd)
        self._decoder = Decoder()
        self._inbox: list[dict[str, Any]] = []

    def serve(self) -> None:
        """Run what the runtime sends, until it closes the socket or the kernel has ended."""
        try:
            self._send(encode({"type": "ready"}))
            while not self._kernel.died and self._next_message():
                message = self._inbox.pop(0)
                if message["type"] == "run":
                    self._run(_Execution(message, self._send), message["code"])
        finally:
            self._kernel.close()

    def _next_message(self) -> bool:
        """Wait for a message; what the kernel writes meanwhile is read and dropped."""
        while not self._inbox and not self._kernel.died:
            spoken_to = self._kernel.step(self._fd, _LONGEST_WAIT_SECONDS, lambda _event: None)
            if spoken_to and not self._receive():
                return False
        return bool(self._inbox)

    def _receive(self) -> bool:
        """Take in what the runtime has sent; False after its end."""
        data = os.read(self._fd, _CHUNK_BYTES)
        self._inbox += self._decoder.feed(data)
        return bool(data)

    def _run(self, execution: _Execution, code: str) -> None:
        kernel = self._kernel
        kernel.execute(code)
        self._follow(execution, kernel)
        if kernel.done and not kernel.died:
            execution.end(kernel.count, "")
        elif not kernel.died:
            kernel.close()
            execution.end(kernel.count, "it did not stop when it was interrupted")
        else:
            kernel.pump_rest(execution.emit)
            status = kernel.close()
            execution.stopped = execution.stopped or "died"
            execution.end(kernel.count, _end_of_process(status))

    def _follow(self, execution: _Execution, kernel: Kernel) -> None:
        """Pass on events until the execution ends, or does not end although it was told to."""
        interrupted = False
        while not kernel.done and not kernel.died:
            began = time.monotonic()
            wait = min(max(execution.left, 0.0), _LONGEST_WAIT_SECONDS)
            if kernel.step(self._fd, wait, execution.emit):
                self._take_interrupt(execution)
            spent = time.monotonic() - began
            execution.left -= min(spent, wait + _TOLERANCE_SECONDS)
            if execution.left > 0 or kernel.done:
                continue
            if interrupted:
                return
            interrupted = True
            execution.stopped = execution.stopped or "timeout"
            execution.left = _INTERRUPT_SECONDS
            kernel.interrupt()

    def _take_interrupt(self, execution: _Execution) -> None:
        if not self._receive():
            raise ConnectionAbortedError("the runtime has closed the socket")
        for message in self._inbox:
            if message["type"] == "interrupt" and message["number"] == execution.number:
                execution.stopped = execution.stopped or "interrupted"
                execution.left = min(execution.left, 0.0)
        self._inbox = [message for message in self._inbox if message["type"] == "run"]


def _end_of_process(status: int) -> str:
    if status >= 0:
        return f"it ended itself with status {status}"
    name = signal.Signals(-status).name
    # Killed by the control group, or by itself where memory cannot be had any more.
    if -status in (signal.SIGKILL, signal.SIGABRT):
        return f"it was ended by {name}, as happens at the memory limit of the session"
    return f"it was ended by {name}"


def main() -> None:
    """Serve the socket whose number is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number, language, packages = sys.argv[1:]
    fd = int(number)
    try:
        kernel = start_kernel(language, packages, dict(os.environ))
    except KernelError as exc:
        _Sender(fd)(encode({"type": "failed", "reason": str(exc)}))
        return
    try:
        Host(fd, kernel).serve()
    except ConnectionError:
        return  # the runtime has closed the socket
