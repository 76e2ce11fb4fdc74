"""Background commands: run by the shell, at the other end of a stream."""

from __future__ import annotations

import os
import subprocess

from .commands import check_directory, limited
from .failures import CallError, failed
from .jobs import Job
from .packets import Packet, PacketDecoder
from .programs import Program, receive_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .calls import Settings
    from .commands import Drain


def open_process(_params: dict[str, Any], settings: Settings, drain: Drain) -> Job:
    """Run ``command`` by the shell in ``cwd`` with ``envs``; what has gone wrong breaks the stream.

    When the stream is closed before its end, all processes of the command's group are killed. Those
    that outlive the command by themselves go on, and what they write then is dropped.
    """

    def serve(runtime: socket.socket) -> None:
        decoder = PacketDecoder()
        program = _start(receive_params(runtime, decoder), settings, drain)
        program.serve(runtime, decoder)

    return Job("process", serve)


def _start(params: dict[str, Any], settings: Settings, drain: Drain) -> Program:
    command = params["command"]
    cwd = settings.resolve(params["cwd"]) if params.get("cwd") else settings.home
    check_directory(cwd)
    fds: list[int] = []
    try:
        for _ in range(3):
            fds += os.pipe()
        stdin, to_stdin, from_stdout, stdout, from_stderr, stderr = fds
        process = subprocess.Popen(
            limited(["/bin/sh", "-c", command], settings.cpu_seconds),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env=settings.environment(params.get("envs")),
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        for fd in fds:
            os.close(fd)
        if isinstance(exc, OSError):
            raise failed("execute command", command, exc) from exc
        raise CallError("invalid_argument", f"Failed to execute command: {exc}") from exc
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    outputs = {from_stdout: Packet.STDOUT, from_stderr: Packet.STDERR}
    return Program(process, outputs, to_stdin, leave=drain.adopt)
