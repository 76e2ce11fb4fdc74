"""Streams whose other end is a thread of the worker."""

from __future__ import annotations

import threading

from .failures import CallError, failed
from .streams import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class Job(Source):
    """Runs *serve* in a thread of its own, which talks to the runtime by a blocking socket.

    What *serve* writes is what the runtime receives, and the reverse; the end of *serve* is the
    end of the stream, and a `CallError` of it breaks the stream with that failure. When the
    runtime closes the stream, *serve* reads the end, and writing fails with `BrokenPipeError`.

    Raises:
        CallError: The sandbox may not have another file or thread.
    """

    def __init__(self, name: str, serve: Callable[[socket.socket], None]) -> None:
        # Not before the first stream: sessions should not wait for an import few of them use.
        import socket

        try:
            self._socket, theirs = socket.socketpair()
        except OSError as exc:
            raise failed("open stream", name, exc) from exc
        self._socket.setblocking(False)
        self._failure: Exception | None = None
        try:
            threading.Thread(target=self._run, args=(serve, theirs), daemon=True).start()
        except RuntimeError as exc:
            self._socket.close()
            theirs.close()
            raise CallError(
                "resource_limit", "The sandbox is at its limit of processes and threads"
            ) from exc

    def _run(self, serve: Callable[[socket.socket], None], theirs: socket.socket) -> None:
        with theirs:
            try:
                serve(theirs)
            except ConnectionError:
                return  # the runtime has closed the stream
            except Exception as exc:  # noqa: BLE001 - told to the runtime by `check_end`
                self._failure = exc

    def fileno(self) -> int:
        """Return the number of the socket's end that is the runtime's."""
        return self._socket.fileno()

    def connected(self) -> bool:
        """Return at once: the thread is there."""
        return True

    def end_input(self) -> None:
        """Let the thread read the end."""
        import socket

        self._socket.shutdown(socket.SHUT_WR)

    def check_end(self) -> None:
        """Break the stream if the thread failed."""
        if self._failure is not None:
            raise self._failure

    def close(self, *, broken: bool) -> None:  # noqa: ARG002 - the thread sees the end either way
        """Close the socket; the thread sees the end of what it reads."""
        self._socket.close()
