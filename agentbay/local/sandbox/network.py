"""Outbound network for a sandbox, by a user-mode TCP/IP stack."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import ExitStack

from agentbay.local.sandbox.base import SandboxError
from agentbay.local.sandbox.process import Child, read_to_end

_PROGRAM = "slirp4netns"
_TUN = "/dev/net/tun"
_NS_GET_USERNS = 0xB701
_OPTIONS = ("--configure", "--mtu=65520", "--disable-host-loopback", "--enable-seccomp")
# It handles packets from inside, so it should see no files. Only root can shut it in: it wants
# to be user 0 of the sandbox's namespace for that, where an ordinary user has no such id.
_ROOT_OPTIONS = ("--enable-sandbox",)


def missing_for_nat() -> str | None:
    """Return what keeps sandboxes from having a network of their own; None when nothing does."""
    if shutil.which(_PROGRAM) is None:
        return f"{_PROGRAM} is not installed; install it with 'apt install {_PROGRAM}'"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} cannot be opened by this user"
    return None


class Uplink:
    """A slirp4netns process that serves one network namespace until it is closed.

    It also ends by itself when this process does: its end of a pipe is then closed.
    """

    def __init__(self, pid: int) -> None:
        """Start it for the network namespace of process *pid*."""
        with ExitStack() as kept, ExitStack() as passed:
            namespace = _closing(passed, os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            # bubblewrap moves its child into a second user namespace sooner or later; only the
            # one that owns the network may change it.
            owner = _closing(passed, fcntl.ioctl(namespace, _NS_GET_USERNS))
            exit_fd, keep_alive_fd = os.pipe()
            _closing(passed, exit_fd)
            _closing(kept, keep_alive_fd)
            waiting_fd, ready_fd = os.pipe()
            _closing(kept, waiting_fd)
            _closing(passed, ready_fd)
            arguments = (
                *_OPTIONS,
                *(_ROOT_OPTIONS if os.getuid() == 0 else ()),
                f"--exit-fd={exit_fd}",
                f"--ready-fd={ready_fd}",
                f"--userns-path=/proc/self/fd/{owner}",
                "--netns-type=path",
                f"/proc/self/fd/{namespace}",
                "tap0",
            )
            self.child = Child(
                [_PROGRAM, *arguments], pass_fds=(namespace, owner, exit_fd, ready_fd)
            )
            kept.pop_all()
        self._keep_alive_fd: int | None = keep_alive_fd
        self._ready_fd: int | None = waiting_fd

    async def ready(self) -> None:
        """Wait until the interface is up; call it once.

        Raises:
            SandboxError: The program failed.
        """
        if self._ready_fd is None:
            raise SandboxError(f"{_PROGRAM} has been closed")
        fd, self._ready_fd = self._ready_fd, None
        if not await read_to_end(fd):
            await self.child.errors.ended.wait()
            raise SandboxError(f"{_PROGRAM} failed: {self.child.errors.text}")

    def close(self) -> None:
        """End it; `child` tells when it is gone."""
        if self._keep_alive_fd is not None:
            os.close(self._keep_alive_fd)
            self._keep_alive_fd = None
        if self._ready_fd is not None:
            os.close(self._ready_fd)
            self._ready_fd = None
        self.child.kill()


def _closing(stack: ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd
