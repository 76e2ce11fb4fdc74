"""A running program and the stream by which the runtime talks to it: bytes, signals, its end."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import time

from .commands import wait_group_gone
from .failures import CallError
from .frames import CHUNK_BYTES, decode_object
from .packets import Packet, PacketDecoder, number_in, pack, pack_number, size_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Callable
    from typing import Any

_MAX_INPUT_BYTES = 1024 * 1024
_LAST_OUTPUT_BYTES = 1024 * 1024
_KILLED_SECONDS = 5.0
_GATHER_SECONDS = 0.001
_STREAMING_SECONDS = 0.01
_MAX_PARAMS_BYTES = 16 * 1024 * 1024


class Program:
    """Carries bytes and signals between a program and the runtime until the program ends.

    Nothing here waits for one thing only: while the runtime takes no output, the program is not
    read, and so waits, but signals still reach it; input that it does not take is kept, bounded,
    for the runtime may send only as much as it was told was taken.

    Args:
        process: The program, the leader of a session and process group.
        outputs: What each file it writes to is called, by number.
        input_fd: The file that it reads from.
        send_signal: Sends a signal to all that belongs to the program, given its process id.
        resize: Sets the size of its terminal, if it has one.
        leave: Takes over an output that others hold open when the program has ended.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        outputs: dict[int, Packet],
        input_fd: int,
        *,
        send_signal: Callable[[int, int], None] = os.killpg,
        resize: Callable[[int, int], None] | None = None,
        leave: Callable[[int], None] = os.close,
    ) -> None:
        self._process = process
        self._outputs = outputs
        self._input_fd = input_fd
        self._send_signal = send_signal
        self._resize = resize
        self._leave = leave
        self._sent = dict.fromkeys(outputs.values(), 0)
        self._pending = bytearray()  # for the runtime
        self._input = bytearray()  # for the program
        self._input_ended = False
        self._read_at = 0.0
        self._killed = False
        self._poll = select.poll()
        self._interest: dict[int, int] = {}
        for fd in {*outputs, input_fd}:
            os.set_blocking(fd, False)

    def serve(self, runtime: socket.socket, decoder: PacketDecoder) -> None:
        """Serve until the program has ended and all is told, or the runtime has gone.

        Raises:
            ConnectionError: The runtime has gone; the program is dead.
        """
        exit_fd = os.pidfd_open(self._process.pid)
        runtime.setblocking(False)
        try:
            self._pending += pack(Packet.STARTED, _encoded({"pid": self._process.pid}))
            while not self._step(runtime, exit_fd, decoder):
                pass
            self._finish(runtime)
        finally:
            os.close(exit_fd)
            self._end()

    def _step(self, runtime: socket.socket, exit_fd: int, decoder: PacketDecoder) -> bool:
        """Do what can be done next; True once the program has ended."""
        self._watch(runtime.fileno(), exit_fd)
        ready = dict(self._poll.poll())
        if (events := ready.get(runtime.fileno(), 0)) & ~select.POLLOUT:
            self._receive(runtime, decoder)
        if events & select.POLLOUT:
            self._flush(runtime)
        if exit_fd in ready:
            return True
        if self._input_fd in ready and self._interest.get(self._input_fd, 0) & select.POLLOUT:
            self._write_input()
        readable = [fd for fd in self._outputs if fd in ready]
        if readable:
            self._pace()
        for fd in readable:
            if self._interest.get(fd, 0) & select.POLLIN and not self._pending:
                self._read(fd)
        return False

    def _watch(self, runtime_fd: int, exit_fd: int) -> None:
        """Wait for what is needed next; for what ended, or must wait, not at all."""
        wanted = {exit_fd: select.POLLIN, runtime_fd: select.POLLIN}
        if self._pending:
            wanted[runtime_fd] |= select.POLLOUT
        else:
            wanted |= dict.fromkeys(self._outputs, select.POLLIN)
        if self._input and self._input_fd >= 0:
            wanted[self._input_fd] = wanted.get(self._input_fd, 0) | select.POLLOUT
        for fd in self._interest.keys() - wanted.keys():
            self._poll.unregister(fd)
        for fd, events in wanted.items():
            if self._interest.get(fd) != events:
                self._poll.register(fd, events)
        self._interest = wanted

    def _receive(self, runtime: socket.socket, decoder: PacketDecoder) -> None:
        try:
            data = runtime.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise BrokenPipeError("the runtime has closed the stream")
        for kind, payload in decoder.feed(data):
            if kind is Packet.INPUT:
                self._take_input(payload)
            elif kind is Packet.END_INPUT:
                self._input_ended = True
                self._close_input_if_done()
            elif kind is Packet.SIGNAL:
                self._signal(number_in(payload))
            elif kind is Packet.RESIZE and self._resize is not None:
                self._resize(*size_in(payload))

    def _take_input(self, data: bytes) -> None:
        if self._input_fd < 0 or self._input_ended:
            self._pending += pack_number(Packet.TAKEN, len(data))  # nobody reads it
            return
        if len(self._input) + len(data) > _MAX_INPUT_BYTES:
            raise BrokenPipeError("the runtime sends more than it was allowed to")
        self._input += data

    def _write_input(self) -> None:
        try:
            count = os.write(self._input_fd, self._input[:CHUNK_BYTES])
        except BlockingIOError:
            return
        except OSError:  # it reads no more: EPIPE of a pipe, EIO of a terminal
            count = len(self._input)
            self._close_input()
        del self._input[:count]
        self._pending += pack_number(Packet.TAKEN, count)
        self._close_input_if_done()

    def _close_input_if_done(self) -> None:
        if self._input_ended and not self._input:
            self._close_input()

    def _close_input(self) -> None:
        fd, self._input_fd = self._input_fd, -1
        if fd >= 0 and fd not in self._outputs:
            if self._interest.pop(fd, 0):
                self._poll.unregister(fd)
            os.close(fd)

    def _signal(self, number: int) -> None:
        # The program is reaped at the very end only, so its number is not another's yet.
        self._killed = self._killed or number == signal.SIGKILL
        try:
            self._send_signal(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # its last process has ended

    def _read(self, fd: int) -> int:
        """Pass one piece of output on; return its size, 0 when there is none (any more)."""
        kind = self._outputs[fd]
        data = bytearray()
        while fd in self._outputs and len(data) < CHUNK_BYTES:
            try:
                piece = os.read(fd, CHUNK_BYTES - len(data))
            except BlockingIOError:
                break
            except OSError as exc:
                if exc.errno != errno.EIO:
                    raise
                piece = b""  # how a terminal ends
            if not piece:
                self._forget(fd, os.close)
            data += piece
        if data:
            self._sent[kind] += len(data)
            self._pending += pack(kind, data)
        return len(data)

    def _pace(self) -> None:
        """Let output that comes line by line gather, unless it is the first for a while."""
        if time.monotonic() - self._read_at < _STREAMING_SECONDS:
            time.sleep(_GATHER_SECONDS)
        self._read_at = time.monotonic()

    def _forget(self, fd: int, then: Callable[[int], None]) -> None:
        del self._outputs[fd]
        if self._interest.pop(fd, 0):
            self._poll.unregister(fd)
        if fd == self._input_fd:
            self._input_fd = -1
        then(fd)

    def _flush(self, runtime: socket.socket) -> None:
        try:
            sent = runtime.send(self._pending)
        except BlockingIOError:
            return
        del self._pending[:sent]

    def _finish(self, runtime: socket.socket) -> None:
        """Send what the program has left in its files, and then its end.

        Others may hold them open and write for ever; what they write from now on is not sent.
        """
        import socket  # late, as in `jobs`

        runtime.setblocking(True)
        for fd in list(self._outputs):
            left = _LAST_OUTPUT_BYTES
            while fd in self._outputs and left > 0 and (count := self._read(fd)):
                left -= count
                runtime.sendall(self._pending)
                self._pending.clear()
        status = self._process.wait()
        if self._killed:
            wait_group_gone(self._process.pid)
        end = {
            "exit_code": 128 - status if status < 0 else status,
            "signal": -status if status < 0 else 0,
            "stdout_bytes": self._sent.get(Packet.STDOUT, 0),
            "stderr_bytes": self._sent.get(Packet.STDERR, 0),
        }
        runtime.sendall(self._pending + pack(Packet.EXIT, _encoded(end)))
        # What is on the way here must find somebody: the failure to write it would be taken for
        # the end of all this.
        runtime.shutdown(socket.SHUT_WR)
        while runtime.recv(CHUNK_BYTES):
            pass

    def _end(self) -> None:
        """Let nothing of it remain that its end would not take along."""
        was_running = self._process.returncode is None
        if was_running:
            self._signal(signal.SIGKILL)
            self._process.wait(_KILLED_SECONDS)
            wait_group_gone(self._process.pid)
        for fd in list(self._outputs):
            self._forget(fd, os.close if was_running else self._leave)
        self._close_input()


def receive_params(runtime: socket.socket, decoder: PacketDecoder) -> dict[str, Any]:
    """Return what the runtime wants to be started.

    Raises:
        ConnectionError: The runtime has gone.
    """
    text = bytearray()
    while data := runtime.recv(CHUNK_BYTES):
        for kind, payload in decoder.feed(data):
            if kind is Packet.START:
                return decode_object(text)
            text += payload
            if len(text) > _MAX_PARAMS_BYTES:
                raise CallError("too_large", "The parameters are too large")
    raise BrokenPipeError("the runtime has closed the stream")


def _encoded(value: dict[str, int]) -> bytes:
    return json.dumps(value).encode("ascii")
