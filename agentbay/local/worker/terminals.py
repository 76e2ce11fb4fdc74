"""Terminals: a shell with a real terminal, at the other end of a stream."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
import termios

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

_SHELLS = ("/bin/bash", "/bin/sh")
_SIZE = struct.Struct("HHHH")
# Erasing a character must erase all of its bytes. Not in every version of `termios`.
_IUTF8 = 0o40000
_SESSION_FIELD = 3  # of what follows the name in /proc/PID/stat; proc(5)


def open_terminal(_params: dict[str, Any], settings: Settings) -> Job:
    """Run ``shell`` in ``cwd`` with ``envs`` in a terminal of ``columns`` and ``rows``.

    When the stream is closed before its end, all processes of the terminal are killed.
    """

    def serve(runtime: socket.socket) -> None:
        decoder = PacketDecoder()
        program = _start(receive_params(runtime, decoder), settings)
        program.serve(runtime, decoder)

    return Job("terminal", serve)


def _start(params: dict[str, Any], settings: Settings) -> Program:
    env = settings.environment(params.get("envs"))
    shell = _find_shell(params.get("shell"), env)
    cwd = settings.resolve(params["cwd"]) if params.get("cwd") else settings.home
    check_directory(cwd)
    try:
        master, slave = os.openpty()
    except OSError as exc:
        raise failed("open terminal", shell, exc) from exc
    try:
        _set_size(master, params["columns"], params["rows"])
        settings_of = termios.tcgetattr(slave)
        settings_of[0] |= _IUTF8
        termios.tcsetattr(slave, termios.TCSANOW, settings_of)
        # The leader of a session gets the terminal that it opens first as the controlling one.
        arguments = ["/bin/sh", "-c", ': <>"$0"; exec "$@"', os.ttyname(slave), shell]
        process = subprocess.Popen(
            limited(arguments, settings.cpu_seconds),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        os.close(master)
        if isinstance(exc, OSError):
            raise failed("open terminal", shell, exc) from exc
        raise CallError("invalid_argument", f"Failed to open terminal: {exc}") from exc
    finally:
        os.close(slave)
    return Program(
        process,
        {master: Packet.STDOUT},
        master,
        send_signal=_signal_session,
        resize=lambda columns, rows: _set_size(master, columns, rows),
    )


def _find_shell(wanted: str | None, env: dict[str, str]) -> str:
    if wanted is None:
        return next(shell for shell in _SHELLS if os.access(shell, os.X_OK))
    path = env.get("PATH", os.defpath).split(":")
    candidates = [wanted] if "/" in wanted else [os.path.join(place, wanted) for place in path]
    for candidate in candidates:
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    raise failed("open terminal", wanted, errno.ENOENT)


def _set_size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, _SIZE.pack(rows, columns, 0, 0))


def _signal_session(leader: int, number: int) -> None:
    """Send a signal to all processes of a session: each job of a shell is a group of its own."""
    for name in os.listdir("/proc"):
        if name.isdigit() and _session_of(name) == leader:
            try:
                os.kill(int(name), number)
            except (ProcessLookupError, PermissionError):
                continue  # gone meanwhile, or of another user


def _session_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[_SESSION_FIELD])
    except OSError:
        return 0  # gone meanwhile
