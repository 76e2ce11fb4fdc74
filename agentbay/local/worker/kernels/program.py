"""Kernels that are a program of ours in their language, behind two pipes.

Both directions carry the messages of `messages`. The program reads ``{"type": "run", "code"}``
and ``{"type": "interrupt"}``, and writes ``ready``, ``result``, ``error`` and ``done``.
"""

from __future__ import annotations

import os
import select
import time

from .base import Kernel, KernelError
from .messages import Decoder, MessageError, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .base import Emit

_CHUNK_BYTES = 64 * 1024
_START_SECONDS = 60.0


class ProgramKernel(Kernel):
    """A running program.

    Args:
        command: Its command line; the two numbers of the files to read from and to write to
            are added to it.
        env: Its environment.
    """

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        their_input, self._output = os.pipe()
        self._input, their_output = os.pipe()
        self._decoder = Decoder()
        self._done = False
        self._ready = False
        try:
            numbers = (their_input, their_output)
            super().__init__([*command, *(str(fd) for fd in numbers)], env, numbers)
        except BaseException:
            os.close(self._output)
            os.close(self._input)
            raise
        finally:
            os.close(their_input)
            os.close(their_output)
        self._wait_ready()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready and not self.died and (left := deadline - time.monotonic()) > 0:
            self.step(-1, left, lambda _event: None)
        if not self._ready:
            self.pump_rest(lambda _event: None)
            status = self.close()
            raise KernelError(f"it ended with status {status}: {self.last_words}")

    def execute(self, code: str) -> None:
        """Begin to run *code*."""
        self._done = False
        self._send({"type": "run", "code": code})

    def interrupt(self) -> None:
        """Let the program interrupt the code that it runs."""
        self._send({"type": "interrupt"})

    def _send(self, message: dict[str, Any]) -> None:
        data = memoryview(encode(message))
        try:
            while data:
                data = data[os.write(self._output, data) :]
        except BrokenPipeError:
            return  # it has ended, which is noticed elsewhere

    def step(self, control_fd: int, seconds: float, emit: Emit) -> bool:
        """Wait for something to happen, and pass it on."""
        poll = select.poll()
        for fd in self.files():
            poll.register(fd, select.POLLIN)
        poll.register(self._input, select.POLLIN)
        if control_fd >= 0:
            poll.register(control_fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(seconds * 1000 + 1)]
        for fd in ready:
            if fd == self._input:
                self._take_messages(emit)
            elif fd != control_fd:
                self.take(fd, emit)
        return control_fd in ready

    def _take_messages(self, emit: Emit) -> None:
        data = os.read(self._input, _CHUNK_BYTES)
        if not data:
            self.pump_rest(emit)
            self._ended = True
            return
        try:
            for message in self._decoder.feed(data):
                self._take_message(message, emit)
        except MessageError:
            # The code has written to a file that is not its own: nothing can be relied on.
            self._ended = True

    def _take_message(self, message: dict[str, Any], emit: Emit) -> None:
        kind = message.get("type")
        if kind == "ready":
            self._ready = True
        elif kind == "done":
            self.pump_rest(emit)
            self._done = True
        elif kind in ("result", "error"):
            self.pump_rest(emit)  # what was written before comes before
            emit(message)

    @property
    def done(self) -> bool:
        """Whether the execution has ended."""
        return self._done

    def close(self) -> int:
        """Kill the program and close the pipes."""
        for fd in (self._input, self._output):
            if fd >= 0:
                os.close(fd)
        self._input = self._output = -1
        return super().close()
