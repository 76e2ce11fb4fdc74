"""Reads a tree of files for the runtime."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time

from .failures import CallError, failed
from .records import END, FILE, TORN, UNCHANGED, WHOLE, Record
from .walk import Fingerprint, Found, is_own, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from .selection import Selection

_PIECE_BYTES = 256 * 1024
_READS = 3
# Opening must neither wait for the other end of a FIFO nor follow a link.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW


class TreeReader:
    """Sends one tree."""

    def __init__(self, root: str, selection: Selection, known: str) -> None:
        self._root = root
        self._selection = selection
        self._known = known

    def serve(self, sock: socket.socket) -> None:
        """Send all records."""
        try:
            status = os.stat(self._root)
        except OSError as exc:
            raise failed("read", self._root, exc) from exc
        output = _Output(sock)
        if stat.S_ISREG(status.st_mode):
            self._send_file(output, Found("", os.path.realpath(self._root), status))
            output.add(Record(END).encode())
        elif not stat.S_ISDIR(status.st_mode):
            raise CallError("invalid_argument", f"Not a file or directory: {self._root}")
        elif self._known and self._known == self._fingerprint():
            output.add(Record(UNCHANGED).encode())
        else:
            self._send_tree(output)
        output.flush()

    def _fingerprint(self) -> str:
        fingerprint = Fingerprint()
        for found in walk(self._root, self._selection):
            fingerprint.add(found)
        return fingerprint.text()

    def _send_tree(self, output: _Output) -> None:
        started_ns = time.time_ns()
        fingerprint = Fingerprint()
        for found in walk(self._root, self._selection):
            fingerprint.add(found)
            if found.kind == FILE:
                self._send_file(output, found)
            elif found.kind:
                # One that is gone by now was gone a moment ago as far as anybody can tell.
                with contextlib.suppress(FileNotFoundError):
                    output.add(found.record().encode())
        output.add(Record(END, fingerprint.text(started_ns).encode()).encode())

    def _send_file(self, output: _Output, found: Found) -> None:
        """Send a file; one that changes meanwhile again, and at last as much as stays."""
        most = None
        for attempt in itertools.count(1):
            try:
                fd = _open(found)
            except FileNotFoundError:
                return
            except OSError as exc:
                raise failed("read file", found.path, exc) from exc
            try:
                before = os.fstat(fd)
                if not stat.S_ISREG(before.st_mode):
                    return  # replaced since it was seen
                found.status = before
                size = before.st_size if most is None else min(before.st_size, most)
                sent = self._send_content(output, found, fd, size)
                after = os.fstat(fd)
            finally:
                os.close(fd)
            same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
            # The beginning of one that grows is consistent enough, since it is never whole.
            whole = sent == size and (same or attempt >= _READS)
            output.add(Record(WHOLE if whole else TORN).encode())
            if whole:
                return
            if attempt >= _READS:
                most = sent if attempt < 2 * _READS else sent // 2

    def _send_content(self, output: _Output, found: Found, fd: int, size: int) -> int:
        """Send a record and *size* bytes; return how many of them are from the file."""
        record = found.record()
        record.size = size
        output.add(record.encode())
        sent = 0
        while sent < size and (piece := os.read(fd, min(size - sent, _PIECE_BYTES))):
            output.add(piece)
            sent += len(piece)
        for start in range(sent, size, _PIECE_BYTES):
            output.add(bytes(min(size - start, _PIECE_BYTES)))
        return sent


def _open(found: Found) -> int:
    """Open a file of which its owner may have no permission to read it."""
    try:
        return os.open(found.path, _OPEN_FLAGS)
    except PermissionError:
        status = os.lstat(found.path)
        if not (stat.S_ISREG(status.st_mode) and is_own(status)):
            raise
    mode = stat.S_IMODE(found.status.st_mode)
    os.chmod(found.path, mode | stat.S_IRUSR)
    try:
        return os.open(found.path, _OPEN_FLAGS)
    finally:
        os.chmod(found.path, mode)


class _Output:
    """Collects small pieces into ones that are worth a system call."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _PIECE_BYTES:
            self.flush()

    def flush(self) -> None:
        self._sock.sendall(b"".join(self._pieces))
        self._pieces.clear()
        self._size = 0
