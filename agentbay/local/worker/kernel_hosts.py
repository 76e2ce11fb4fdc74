"""Kernel hosts: processes that run code, one for each language that is used."""

from __future__ import annotations

import os
import select
import subprocess
import sys

from .failures import CallError, failed
from .jobs import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .calls import Settings
    from .streams import Source

_CODE = "import sys; sys.path.append(sys.argv.pop(1)); from worker.kernels.host import main; main()"
_PARENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_END_SECONDS = 10.0


def open_kernel(params: dict[str, Any], settings: Settings) -> Source:
    """Start the host of ``language``; the stream carries the messages of `kernels.messages`."""
    language = params.get("language")
    if not isinstance(language, str):
        raise CallError("invalid_argument", "language: a string is required")
    return Job("kernel", lambda theirs: _serve(theirs, language, settings))


def _serve(theirs: socket.socket, language: str, settings: Settings) -> None:
    """Run the host until it ends, or does not although the runtime has closed the stream."""
    number = str(theirs.fileno())
    command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _CODE, _PARENT, number]
    try:
        host = subprocess.Popen(
            [*command, language, settings.packages],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=settings.home,
            env=settings.environment(),
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    except OSError as exc:
        raise failed("start kernel", language, exc) from exc
    with host:
        _wait(host, theirs)
    if host.returncode:
        raise CallError("internal", f"The {language} kernel's host ended: {host.returncode}")


def _wait(host: subprocess.Popen[bytes], theirs: socket.socket) -> None:
    exit_fd = os.pidfd_open(host.pid)
    try:
        poll = select.poll()
        poll.register(exit_fd, select.POLLIN)
        poll.register(theirs, select.POLLHUP)
        if exit_fd not in dict(poll.poll()):
            poll.unregister(theirs)
            if not poll.poll(_END_SECONDS * 1000):
                host.kill()
    finally:
        os.close(exit_fd)
