"""Continue a stopped process when this one has ended, however it did."""

from __future__ import annotations

import os

from agentbay.local.sandbox.process import Child

# The pipe says nothing, ever: it ends with the process that holds its other end.
_WAIT_AND_CONTINUE = 'read -r _ <"/proc/self/fd/$1"; kill -s CONT "$2"'


class Guard:
    """A shell that outlives this process for a moment.

    A worker without a sandbox ends its commands when the runtime is gone, which it cannot
    notice while it is stopped.
    """

    def __init__(self, pid: int) -> None:
        read_fd, self._held_fd = os.pipe()
        try:
            argv = ["/bin/sh", "-c", _WAIT_AND_CONTINUE, "sh", str(read_fd), str(pid)]
            self.child = Child(argv, pass_fds=(read_fd,))
        except BaseException:
            os.close(self._held_fd)
            raise
        finally:
            os.close(read_fd)

    async def dismiss(self) -> None:
        """End it without effect."""
        self.child.kill()
        await self.child.exited.wait()
        self.child.errors.close()
        os.close(self._held_fd)
