"""Connections to servers that listen inside the sandbox."""

from __future__ import annotations

import errno
import struct

from .failures import CallError, failed
from .streams import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .calls import Settings

_MAX_PORT = 2**16 - 1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def connect(params: dict[str, Any], _settings: Settings) -> Source:
    """Begin to connect to ``port`` on the loopback interface, by IPv4 or else by IPv6.

    Raises:
        CallError: Nobody listens there.
    """
    port = params.get("port")
    if not isinstance(port, int) or not 0 < port <= _MAX_PORT:
        raise CallError("invalid_argument", "port: a number from 1 to 65535 is required")
    return _Connection(port)


class _Connection(Source):
    """One connection; addresses are tried in turn until one is not refused."""

    def __init__(self, port: int) -> None:
        # Not before the first connection: sessions should not wait for an import few of them use.
        import socket

        self._port = port
        self._left = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
        self._socket = self._next(errno.ECONNREFUSED)

    def _next(self, reason: int) -> socket.socket:
        """Begin to connect to the next address; *reason* is why it was not the one before."""
        import socket

        while self._left:
            family, host = self._left.pop(0)
            try:
                sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            except OSError as exc:
                reason = _weightier(reason, exc.errno or errno.EIO)
                continue
            found = sock.connect_ex((host, self._port))
            if found in (0, errno.EINPROGRESS):
                return sock
            sock.close()
            reason = _weightier(reason, found)
        raise failed("connect", f"port {self._port}", reason)

    def fileno(self) -> int:
        """Return the number of the socket."""
        return self._socket.fileno()

    def connected(self) -> bool:
        """Look at how the connection attempt ended, and begin the next if there is one."""
        import socket

        found = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if found == 0:
            return self._has_peer()
        before = self._socket
        self._socket = self._next(found)
        before.close()
        return False

    def _has_peer(self) -> bool:
        """Tell a connection from an event that was meant for an earlier file of this number."""
        try:
            self._socket.getpeername()
        except OSError as exc:
            if exc.errno == errno.ENOTCONN:
                return False
            raise
        return True

    def end_input(self) -> None:
        """Send the end of the stream."""
        import socket

        self._socket.shutdown(socket.SHUT_WR)

    def close(self, *, broken: bool) -> None:
        """Close the connection; a broken one ends with a reset on the other side, too."""
        import socket

        if broken:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._socket.close()


def _weightier(before: int, now: int) -> int:
    """Return the error that says more: that IPv6 is not there says nothing."""
    return before if now in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) else now
