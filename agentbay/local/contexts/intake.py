"""From the records of a tree to objects: what a sandbox sends is checked and put into packs.

Nothing here waits for the sandbox, but it writes to the disk: each call is one for a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agentbay.local.contexts.entries import Kind, Object
from agentbay.local.worker.records import (
    DIRECTORY,
    END,
    FILE,
    SYMLINK,
    TORN,
    UNCHANGED,
    WHOLE,
    Record,
    RecordDecoder,
    RecordError,
)

if TYPE_CHECKING:
    from agentbay.local.contexts.packs import Packs

__all__ = ("MAX_ENTRIES", "MAX_OBJECT_BYTES", "MAX_TREE_BYTES", "Intake", "PlainSink", "Sink")

MAX_OBJECT_BYTES = 5 * 1024**3
MAX_TREE_BYTES = 256 * 1024**3
MAX_ENTRIES = 2_000_000

_KINDS = {DIRECTORY: Kind.DIRECTORY, SYMLINK: Kind.SYMLINK, FILE: Kind.FILE}


class Sink(Protocol):
    """Where checked records go; the keys of its objects are names below the root."""

    def add(self, record: Record) -> None:
        """Take a record; the content of a file follows."""

    def content(self, piece: memoryview) -> None:
        """Take the next piece of the file."""

    def end_file(self, *, whole: bool) -> None:
        """End the file; one that is not whole does not count."""

    def finish(self) -> list[Object]:
        """Return the objects, whose content is safe on the disk now."""

    def abandon(self) -> None:
        """Remove everything, also what `finish` has put in place. Idempotent."""

    @property
    def names(self) -> list[str]:
        """The names of its packs."""


class PlainSink:
    """Makes one object of each record, and one pack of all content."""

    def __init__(self, packs: Packs, *, durable: bool) -> None:
        self._pack = packs.new(durable=durable)
        self._objects: list[Object] = []
        self._file: Object | None = None

    def add(self, record: Record) -> None:
        """Take a record; the content of a file follows."""
        item = Object(
            key=record.name,
            kind=_KINDS[record.kind],
            mode=record.mode,
            mtime_ns=record.mtime_ns,
            size=record.size,
            target=record.target,
            pack=self._pack.name if record.size else "",
            start=self._pack.size,
        )
        if item.kind is Kind.FILE:
            self._file = item
        else:
            self._objects.append(item)

    def content(self, piece: memoryview) -> None:
        """Take the next piece of the file."""
        self._pack.write(piece)

    def end_file(self, *, whole: bool) -> None:
        """End the file; one that is not whole is cut off the pack."""
        if self._file is None:
            raise RecordError("the end of a file that has not begun")
        if whole:
            self._objects.append(self._file)
        else:
            self._pack.rewind(self._file.start)
        self._file = None

    def finish(self) -> list[Object]:
        """Put the pack in place."""
        self._pack.finish()
        return self._objects

    def abandon(self) -> None:
        """Remove the pack."""
        self._pack.abandon()

    @property
    def names(self) -> list[str]:
        """The name of its pack."""
        return self._pack.names


class Intake:
    """Reads the records of one tree from an untrusted sandbox.

    Attributes:
        ended: Whether the end was seen.
        unchanged: Whether the tree is still the known one, and nothing was sent.
        fingerprint: That of the tree; empty when it cannot be relied on.
    """

    def __init__(self, sink: Sink) -> None:
        self.ended = False
        self.unchanged = False
        self.fingerprint = ""
        self._sink = sink
        self._decoder = RecordDecoder()
        self._seen: set[bytes] = set()
        self._solid: set[bytes] = set()
        self._folders: set[bytes] = set()
        self._file: Record | None = None
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        """Take what has arrived.

        Raises:
            RecordError: No worker of ours would send that, or it is too much.
        """
        for item in self._decoder.feed(data):
            if self.ended:
                raise RecordError("something after the end")
            if not isinstance(item, Record):
                self._sink.content(item)
            elif self._file is not None:
                self._end_file(self._file, item)
            elif item.kind in _KINDS:
                self._begin(item)
            else:
                self._end(item)

    def _begin(self, record: Record) -> None:
        self._check(record)
        self._sink.add(record)
        if record.kind == FILE:
            self._file = record

    def _check(self, record: Record) -> None:
        name = record.name
        if not name and (record.kind != FILE or self._seen):
            raise RecordError("a root among other files")
        if name in self._seen or b"" in self._seen:
            raise RecordError(f"{name[:100]!r} twice")
        self._note_folders(name, solid=record.kind != DIRECTORY)
        self._seen.add(name)
        self._bytes += record.size
        if record.size > MAX_OBJECT_BYTES:
            raise RecordError(f"{name[-100:]!r}: more than {MAX_OBJECT_BYTES} bytes")
        if len(self._seen) > MAX_ENTRIES or self._bytes > MAX_TREE_BYTES:
            raise RecordError(f"more than {MAX_ENTRIES} files or {MAX_TREE_BYTES} bytes")

    def _note_folders(self, name: bytes, *, solid: bool) -> None:
        """Keep the names a tree: what is no directory has nothing inside."""
        folder = name.rpartition(b"/")[0]
        while folder and folder not in self._folders:
            if folder in self._solid:
                raise RecordError(f"something inside of {folder[:100]!r}, which is no directory")
            self._folders.add(folder)
            folder = folder.rpartition(b"/")[0]
        if solid:
            if name in self._folders:
                raise RecordError(f"{name[:100]!r} as a directory and as something else")
            self._solid.add(name)

    def _end_file(self, file: Record, mark: Record) -> None:
        if mark.kind not in (WHOLE, TORN):
            raise RecordError("a file without its end")
        self._sink.end_file(whole=mark.kind == WHOLE)
        if mark.kind == TORN:
            self._seen.discard(file.name)
            self._solid.discard(file.name)
            self._bytes -= file.size
        self._file = None

    def _end(self, mark: Record) -> None:
        if mark.kind not in (END, UNCHANGED):
            raise RecordError(f"a record of kind {mark.kind}")
        self.ended = True
        self.unchanged = mark.kind == UNCHANGED
        self.fingerprint = mark.name.decode("ascii", errors="replace")
