"""Packs: immutable files that hold the content of many objects, one after the other.

A pack is written under a temporary name, flushed to the disk and then renamed. Only after that
does the database refer to it: what it refers to is always whole.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections import Counter
from typing import TYPE_CHECKING, BinaryIO

from agentbay.local.failures import LocalRuntimeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ("PackWriter", "Packs")

_BUFFER_BYTES = 1024 * 1024
_TEMPORARY = ".partial"


class Packs:
    """The directory of packs. What blocks is meant for threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers: Counter[str] = Counter()
        self._dead: set[str] = set()
        self._lock = threading.Lock()

    def open(self, referenced: set[str]) -> None:
        """Make the directory, and remove what no object refers to: remains of a killed runtime.

        Raises:
            LocalRuntimeError: It cannot be used.
        """
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            for path in self.folder.iterdir():
                if path.name not in referenced:
                    path.unlink()
        except OSError as exc:
            raise LocalRuntimeError(
                f"The contents of contexts at {self.folder} cannot be used: {exc.strerror}"
            ) from exc

    def new(self, *, durable: bool) -> PackWriter:
        """Begin a pack."""
        return PackWriter(self.folder, durable=durable)

    def path(self, name: str) -> Path:
        """Return where a pack is."""
        return self.folder / name

    @contextlib.contextmanager
    def reading(self, names: Iterable[str]) -> Iterator[None]:
        """Keep packs on the disk for the time of the block, even if nothing refers to them."""
        held = set(names)
        with self._lock:
            self._readers.update(held)
        try:
            yield
        finally:
            with self._lock:
                self._readers.subtract(held)
                self._remove(held & self._dead)

    def discard(self, names: Iterable[str]) -> None:
        """Remove packs to which nothing refers any more, as soon as nobody reads them."""
        with self._lock:
            self._remove(names)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            if self._readers[name] > 0:
                self._dead.add(name)
            else:
                self._dead.discard(name)
                (self.folder / name).unlink(missing_ok=True)
        self._readers += Counter()  # without those that are at zero


class PackWriter:
    """A pack while it is written. Used by one thread at a time."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.name = secrets.token_hex(16)
        self.size = 0
        self._folder = folder
        self._durable = durable
        self._temporary = folder / f"{self.name}{_TEMPORARY}"
        self._file: BinaryIO | None = None

    @property
    def names(self) -> list[str]:
        """Its name, as the only one."""
        return [self.name]

    def write(self, data: bytes | memoryview) -> int:
        """Append *data*; it may stay in memory until `finish`."""
        if self._file is None:
            self._file = self._temporary.open("xb", buffering=_BUFFER_BYTES)
        count = self._file.write(data)
        self.size += count
        return count

    def flush(self) -> None:
        """Do nothing: for those who write to any file, and flush it for good measure."""

    def rewind(self, size: int) -> None:
        """Forget what was written after the first *size* bytes."""
        if self._file is not None and size < self.size:
            self._file.seek(size)
            self._file.truncate()
            self.size = size

    def finish(self) -> None:
        """Put the pack in place; when this returns, a loss of power does not undo it."""
        if self._file is None:
            return
        self._file.flush()
        if self._durable:
            os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        self._temporary.rename(self._folder / self.name)
        if self._durable:
            _sync_directory(self._folder)

    def abandon(self) -> None:
        """Remove it, whether it was finished or not. Idempotent."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # its last bytes, for which the disk has no room
                self._file.close()
            self._file = None
        self._temporary.unlink(missing_ok=True)
        (self._folder / self.name).unlink(missing_ok=True)


def _sync_directory(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
