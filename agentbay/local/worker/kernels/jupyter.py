"""Kernels that speak the protocol of Jupyter over ZeroMQ."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import tempfile
import time

import zmq

from .base import Kernel, KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .base import Emit

_START_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 0.5
_VERSION = "5.3"
_DELIMITER = b"<IDS|MSG>"
_PORTS = ("shell", "iopub", "stdin", "control", "hb")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class JupyterKernel(Kernel):
    """A running kernel, and the sockets to it.

    Unix sockets in a private directory: sandboxes that share a network cannot meet.

    Args:
        command: Its command line; ``{connection_file}`` in it is replaced.
        env: Its environment.
        shows_values: Whether it displays the value of each expression, and calls none the result.
    """

    def __init__(
        self, command: list[str], env: dict[str, str], *, shows_values: bool = False
    ) -> None:
        self._shows_values = shows_values
        self._shown_last: dict[str, Any] | None = None
        self._directory = tempfile.mkdtemp(prefix="kernel-")
        self._key = secrets.token_bytes(32).hex().encode("ascii")
        self._id = secrets.token_hex(16)
        self._numbers = 0
        self._waiting: dict[str, set[str]] = {}
        self._heard = False
        self._count: int | None = None
        self._has_erred = False
        self._failure: dict[str, Any] | None = None
        path = self._write_connection_file()
        self._context = zmq.Context()
        try:
            self._shell = self._connect(zmq.DEALER, 1)
            self._iopub = self._connect(zmq.SUB, 2)
            super().__init__([part.replace("{connection_file}", path) for part in command], env, ())
        except BaseException:
            self._release()
            raise
        self._wait_ready()

    def _write_connection_file(self) -> str:
        path = os.path.join(self._directory, "connection.json")
        connection = {
            "transport": "ipc",
            "ip": os.path.join(self._directory, "socket"),
            "key": self._key.decode("ascii"),
            "signature_scheme": "hmac-sha256",
            **{f"{name}_port": number for number, name in enumerate(_PORTS, 1)},
        }
        with open(path, "x", encoding="ascii") as file:
            json.dump(connection, file)
        return path

    def _connect(self, kind: int, number: int) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.linger = 0
        # Never drop a message: what an execution may write is bounded by the host instead.
        socket.set_hwm(0)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(f"ipc://{self._directory}/socket-{number}")
        return socket

    def _wait_ready(self) -> None:
        """Ask until it answers, and its events arrive: a subscription takes effect late."""
        deadline = time.monotonic() + _START_SECONDS
        asked = 0.0
        while not (self._heard and self.done) and not self.died:
            now = time.monotonic()
            if now > deadline:
                break
            if self.done or now - asked > _ASK_AGAIN_SECONDS:
                asked = now
                self._waiting.clear()
                self._ask("kernel_info_request", {})
            self.step(-1, _ASK_AGAIN_SECONDS, lambda _event: None)
        if self.died or not self._heard:
            self.pump_rest(lambda _event: None)
            status = self.close()
            raise KernelError(f"it ended with status {status}: {self.last_words}")
        shutil.rmtree(self._directory)  # both sides are connected

    def execute(self, code: str) -> None:
        """Begin to run *code*."""
        self._count = None
        self._has_erred = False
        self._failure = None
        self._waiting.clear()
        self._ask(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": False,
                # Or a kernel that has just failed refuses what comes next.
                "stop_on_error": False,
            },
        )

    def interrupt(self) -> None:
        """Ask the code to stop, and the kernel for a sign of life after that.

        A signal that arrives while the kernel finishes can cost the reply. Requests are
        handled in their order, so the end of another one tells that of the execution as well.
        """
        super().interrupt()
        self._ask("kernel_info_request", {})

    def _ask(self, kind: str, content: dict[str, Any]) -> None:
        self._numbers += 1
        request = f"{self._id}-{self._numbers}"
        self._waiting[request] = {"reply", "idle"}
        header = {
            "msg_id": request,
            "session": self._id,
            "username": "",
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "msg_type": kind,
            "version": _VERSION,
        }
        parts = [json.dumps(part).encode("ascii") for part in (header, {}, {}, content)]
        self._shell.send_multipart([_DELIMITER, self._sign(parts), *parts])

    def _sign(self, parts: list[bytes]) -> bytes:
        return hmac.new(self._key, b"".join(parts), hashlib.sha256).hexdigest().encode("ascii")

    @property
    def done(self) -> bool:
        """Whether the kernel has answered, and said that it is idle again."""
        return any(not left for left in self._waiting.values())

    @property
    def count(self) -> int | None:
        """The number that the kernel gave to the execution."""
        return self._count

    def step(self, control_fd: int, seconds: float, emit: Emit) -> bool:
        """Wait for something to happen, and pass it on."""
        poller = zmq.Poller()
        for file in (self._shell, self._iopub, *self.files()):
            poller.register(file, zmq.POLLIN)
        if control_fd >= 0:
            poller.register(control_fd, zmq.POLLIN)
        ready = dict(poller.poll(int(seconds * 1000) + 1))
        for file in ready:
            if file is self._iopub:
                self._take_events(emit)
            elif file is self._shell:
                self._take_reply(emit)
            elif file != control_fd:
                self.take(file, emit)
        if self.done or self.died:
            self._take_events(emit)
            self.pump_rest(emit)
            if self._failure is not None:
                # The event is missing when showing the error failed, too: without any memory left.
                self._pass_on("error", self._failure, emit)
            self._flush_shown(emit, is_main=not self.died)
        return control_fd in ready

    def _take_reply(self, emit: Emit) -> None:
        kind, parent, content = self._read(self._shell.recv_multipart())
        self._waiting.get(parent, set()).discard("reply")
        if kind == "execute_reply":
            count = content.get("execution_count")
            self._count = count if isinstance(count, int) else None
            if content.get("status") == "aborted":
                problem = "The kernel did not run the code"
                emit({"type": "error", "name": "AbortedError", "value": problem, "traceback": ""})
            elif content.get("status") == "error" and not self._has_erred:
                self._failure = content

    def _take_events(self, emit: Emit) -> None:
        """Take all that has arrived."""
        while self._iopub.poll(0):
            kind, parent, content = self._read(self._iopub.recv_multipart())
            if kind == "status":
                self._heard = True
                if content.get("execution_state") == "idle":
                    self._waiting.get(parent, set()).discard("idle")
            else:
                # Whatever its parent: threads go on writing after their execution has ended.
                self._pass_on(kind, content, emit)

    def _read(self, parts: list[bytes]) -> tuple[str, str, dict[str, Any]]:
        """Return type, parent and content; nothing for what the kernel did not sign."""
        try:
            start = parts.index(_DELIMITER) + 1
            signature, *signed = parts[start : start + 5]
            if not hmac.compare_digest(signature, self._sign(signed)):
                return "", "", {}
            header, parent, _, content = (json.loads(part) for part in signed)
            return header["msg_type"], parent.get("msg_id", ""), content
        except (ValueError, KeyError, TypeError, AttributeError):
            return "", "", {}

    def _pass_on(self, kind: str, content: dict[str, Any], emit: Emit) -> None:
        if kind == "stream":
            emit({"type": content.get("name"), "chunk": content.get("text", "")})
        elif kind in ("execute_result", "display_data", "update_display_data"):
            event = {
                "type": "result",
                "mime": content.get("data", {}),
                "is_main": kind == "execute_result",
            }
            if (display := content.get("transient", {}).get("display_id")) is not None:
                event["id"] = display
            self._flush_shown(emit, is_main=False)
            if self._shows_values:
                self._shown_last = event
            else:
                emit(event)
        elif kind == "error":
            self._has_erred, self._failure = True, None
            lines = [_COLOURS.sub("", line) for line in content.get("traceback", [])]
            emit(
                {
                    "type": "error",
                    "name": content.get("ename", ""),
                    "value": content.get("evalue", "").rstrip(),
                    "traceback": "\n".join(lines),
                }
            )

    def _flush_shown(self, emit: Emit, *, is_main: bool) -> None:
        """Pass on what was kept because it may be the last that is shown, which is the result."""
        event, self._shown_last = self._shown_last, None
        if event is not None:
            emit({**event, "is_main": is_main})

    def close(self) -> int:
        """Kill the kernel and close the sockets."""
        try:
            return super().close()
        finally:
            self._release()

    def _release(self) -> None:
        self._context.destroy(linger=0)
        shutil.rmtree(self._directory, ignore_errors=True)  # mostly gone before
