"""Writes a tree of files for the runtime."""

from __future__ import annotations

import os
import stat

from .failures import CallError, failed
from .records import DIRECTORY, END, FILE, SYMLINK, WHOLE, Record, RecordDecoder, RecordError
from .walk import Fingerprint, Found, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from .selection import Selection

_PIECE_BYTES = 256 * 1024
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class TreeWriter:
    """Writes one tree."""

    def __init__(self, root: str, selection: Selection) -> None:
        self._root = root
        self._selection = selection
        self._present: set[str] = set()
        self._written: dict[str, tuple[int, int]] = {}
        self._folders: set[str] = set()
        self._directories: list[tuple[str, Record]] = []
        self._file: _NewFile | None = None
        self._ended = False

    def serve(self, sock: socket.socket) -> None:
        """Write all records and answer with the fingerprint."""
        decoder = RecordDecoder()
        try:
            while not self._ended:
                data = sock.recv(_PIECE_BYTES)
                if not data:
                    raise CallError("io_error", "The files ended before their end was seen")
                for item in decoder.feed(data):
                    self._take(item)
        except RecordError as exc:
            raise CallError("invalid_argument", f"Cannot write {exc}") from exc
        finally:
            if self._file is not None:
                self._file.abandon()
        self._finish_directories()
        sock.sendall(self._fingerprint().encode("ascii"))

    def _take(self, item: Record | memoryview) -> None:
        if self._file is not None:
            self._take_content(self._file, item)
        elif not isinstance(item, Record):
            raise RecordError("content without a file")
        elif item.kind == END:
            self._ended = True
        else:
            path = os.path.join(self._root, os.fsdecode(item.name)) if item.name else self._root
            try:
                self._begin(path, item)
            except OSError as exc:
                raise failed("write", path, exc) from exc

    def _note(self, record: Record) -> None:
        name = os.fsdecode(record.name)
        self._written[name] = (record.kind, record.mtime_ns)
        while "/" in name:
            name = name.rpartition("/")[0]
            self._folders.add(name)

    def _begin(self, path: str, record: Record) -> None:
        self._note(record)
        if record.kind == DIRECTORY:
            self._make_directory(path)
            self._directories.append((path, record))
            return
        if record.kind not in (FILE, SYMLINK):
            raise RecordError(f"a record of kind {record.kind}")
        self._make_directory(os.path.dirname(path))
        if record.kind == FILE:
            self._file = _NewFile(path, record)
            return
        temporary = _temporary_beside(path)
        os.symlink(record.target, temporary)
        try:
            os.utime(temporary, ns=(record.mtime_ns, record.mtime_ns), follow_symlinks=False)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def _make_directory(self, path: str) -> None:
        if path not in self._present:
            os.makedirs(path, exist_ok=True)
            self._present.add(path)

    def _take_content(self, file: _NewFile, item: Record | memoryview) -> None:
        try:
            if not isinstance(item, Record):
                file.write(item)
            elif item.kind == WHOLE:
                file.finish()
                self._file = None
            else:
                raise RecordError("a file without its end")
        except OSError as exc:
            raise failed("write file", file.path, exc) from exc

    def _finish_directories(self) -> None:
        """Give directories their modes and times: not before all is in them."""
        self._make_directory(self._root if not self._is_one_file() else os.path.dirname(self._root))
        for path, record in reversed(self._directories):
            try:
                os.chmod(path, record.mode)
                os.utime(path, ns=(record.mtime_ns, record.mtime_ns))
            except OSError as exc:
                raise failed("write directory", path, exc) from exc

    def _is_one_file(self) -> bool:
        return os.path.isfile(self._root)

    def _fingerprint(self) -> str:
        """Return that of the tree; none if it holds anything that was not written here."""
        if self._is_one_file():
            return ""
        fingerprint = Fingerprint()
        for found in walk(self._root, self._selection):
            if not self._is_own_work(found):
                return ""
            fingerprint.add(found)
        return fingerprint.text()

    def _is_own_work(self, found: Found) -> bool:
        kind, mtime_ns = self._written.get(found.name, (0, 0))
        if not kind:
            return stat.S_ISDIR(found.status.st_mode) and found.name in self._folders
        return found.kind == kind and found.status.st_mtime_ns == mtime_ns


class _NewFile:
    """A file under a temporary name, until it is whole."""

    def __init__(self, path: str, record: Record) -> None:
        self.path = path
        self._record = record
        self._temporary = _temporary_beside(path)
        self._fd = os.open(self._temporary, _CREATE_FLAGS, 0o600)

    def write(self, piece: memoryview) -> None:
        while piece:
            piece = piece[os.write(self._fd, piece) :]

    def finish(self) -> None:
        os.fchmod(self._fd, self._record.mode)
        os.utime(self._fd, ns=(self._record.mtime_ns, self._record.mtime_ns))
        os.rename(self._temporary, self.path)
        os.close(self._fd)
        self._fd = -1

    def abandon(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            os.unlink(self._temporary)


def _temporary_beside(path: str) -> str:
    return os.path.join(os.path.dirname(path), f".agentbay-{os.urandom(8).hex()}")
