"""Trees as a stream of records, the same in both directions between runtime and sandbox.

    record    header, name, target; after that of a file its content
    header    kind, mode, time, size, length of the name, length of the target

A file is followed by WHOLE or by TORN: only then is it known whether it stayed as it was while it
was read. A stream without END was cut off. Names are bytes, relative to the root of the tree; the
root itself has an empty one.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY, FILE, SYMLINK, WHOLE, TORN, END, UNCHANGED = range(1, 8)

MAX_NAME_BYTES = 4096
MAX_COMPONENT_BYTES = 255
MAX_MODE = 0o7777

_HEADER = struct.Struct(">BHqQHH")


class RecordError(Exception):
    """The stream is not one of records, or names what must not be named."""


class Record:
    """One entry of a tree, or one of the marks in between.

    Attributes:
        kind: One of the constants of this module.
        name: The path below the root; with END the fingerprint of the tree.
        mode: Permissions.
        mtime_ns: Time of the last change.
        size: Bytes of content that follow; files only.
        target: What a symbolic link points to.
    """

    __slots__ = ("kind", "mode", "mtime_ns", "name", "size", "target")

    def __init__(
        self,
        kind: int,
        name: bytes = b"",
        *,
        mode: int = 0,
        mtime_ns: int = 0,
        size: int = 0,
        target: bytes = b"",
    ) -> None:
        self.kind = kind
        self.name = name
        self.mode = mode
        self.mtime_ns = mtime_ns
        self.size = size
        self.target = target

    def encode(self) -> bytes:
        """Return the record as it travels, without the content."""
        header = _HEADER.pack(
            self.kind, self.mode, self.mtime_ns, self.size, len(self.name), len(self.target)
        )
        return header + self.name + self.target


class RecordDecoder:
    """Splits what arrives into records and the pieces of content between them."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._needed = _HEADER.size
        self._content = 0

    def feed(self, data: bytes) -> Iterator[Record | memoryview]:
        """Yield what *data* completes.

        Raises:
            RecordError: It is no stream of records.
        """
        view = memoryview(data)
        while view:
            if self._content:
                piece = view[: self._content]
                self._content -= len(piece)
                view = view[len(piece) :]
                yield piece
                continue
            missing = self._needed - len(self._head)
            self._head += view[:missing]
            view = view[missing:]
            if (record := self._complete()) is not None:
                yield record

    def _complete(self) -> Record | None:
        if len(self._head) < self._needed:
            return None
        kind, mode, mtime_ns, size, name_size, target_size = _HEADER.unpack_from(self._head)
        self._needed = _HEADER.size + name_size + target_size
        if len(self._head) < self._needed:
            return None
        rest = bytes(self._head[_HEADER.size :])
        record = Record(
            kind,
            rest[:name_size],
            mode=mode,
            mtime_ns=mtime_ns,
            size=size,
            target=rest[name_size:],
        )
        check_record(record)
        self._content = size if kind == FILE else 0
        self._head.clear()
        self._needed = _HEADER.size
        return record


def check_record(record: Record) -> None:
    """Refuse what leads out of the tree, and what no file system could hold.

    Raises:
        RecordError: It does.
    """
    if not DIRECTORY <= record.kind <= UNCHANGED:
        raise RecordError(f"unknown kind {record.kind}")
    if record.kind in (DIRECTORY, FILE, SYMLINK):
        check_name(record.name)
    if record.mode > MAX_MODE:
        raise RecordError(f"mode {record.mode:o}")
    if record.size and record.kind != FILE:
        raise RecordError("content that belongs to no file")
    if (record.kind == SYMLINK) is not bool(record.target):
        raise RecordError("a symbolic link without a target, or the reverse")
    if b"\0" in record.target or len(record.target) > MAX_NAME_BYTES:
        raise RecordError("a target that no symbolic link can have")


def check_name(name: bytes) -> None:
    """Accept the name of something inside the tree, or that of its root.

    Raises:
        RecordError: It leads elsewhere, or is none.
    """
    if not name:
        return
    if b"\0" in name or len(name) > MAX_NAME_BYTES:
        raise RecordError("a name that no file can have")
    for part in name.split(b"/"):
        if part in (b"", b".", b"..") or len(part) > MAX_COMPONENT_BYTES:
            raise RecordError(f"the name {name[:100]!r}")
