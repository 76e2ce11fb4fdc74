"""Upload mode Archive: each directory at the top of a tree is kept as one compressed tar file."""

from __future__ import annotations

import contextlib
import gzip
import tarfile
import tempfile
from typing import IO, TYPE_CHECKING

from agentbay.local.contexts.entries import Kind, Object
from agentbay.local.contexts.intake import PlainSink
from agentbay.local.worker.records import (
    DIRECTORY,
    FILE,
    SYMLINK,
    WHOLE,
    Record,
    RecordError,
    check_name,
)
from agentbay.local.worker.selection import is_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from agentbay.local.contexts.packs import Packs, PackWriter

__all__ = ("SUFFIX", "ArchiveSink", "unpacked")

SUFFIX = b".tar.gz"

_COMPRESSION = 6
_MEMORY_BYTES = 1024 * 1024
_PIECE_BYTES = 256 * 1024
_NS = 10**9
_TYPES = {DIRECTORY: tarfile.DIRTYPE, FILE: tarfile.REGTYPE, SYMLINK: tarfile.SYMTYPE}
_MTIME = "mtime"
"""A header of the format; as text, because as a number it would lose nanoseconds."""


class ArchiveSink:
    """Makes an archive of each directory at the top; the rest is kept file by file.

    Args:
        excluded: Paths that are kept file by file, too.
    """

    def __init__(self, packs: Packs, excluded: Sequence[str], *, durable: bool) -> None:
        self._packs = packs
        self._durable = durable
        self._excluded = [path.strip("/") for path in excluded]
        self._plain = PlainSink(packs, durable=durable)
        self._archives: list[_Archive] = []
        self._into: PlainSink | _Archive = self._plain

    def add(self, record: Record) -> None:
        """Take a record; the content of a file follows."""
        self._into = self._place(record)
        self._into.add(record)

    def _place(self, record: Record) -> PlainSink | _Archive:
        top, below, _ = record.name.partition(b"/")
        if not below and record.kind != DIRECTORY:
            return self._plain
        name = record.name.decode(errors="surrogateescape")
        if any(is_below(name, path) for path in self._excluded):
            return self._plain
        if not self._archives or self._archives[-1].top != top:
            if any(archive.top == top for archive in self._archives):
                raise RecordError("the files of a directory apart from each other")
            self._close_last()
            pack = self._packs.new(durable=self._durable)
            self._archives.append(_Archive(top, pack, self._packs.folder))
        return self._archives[-1]

    def content(self, piece: memoryview) -> None:
        """Take the next piece of the file."""
        self._into.content(piece)

    def end_file(self, *, whole: bool) -> None:
        """End the file."""
        self._into.end_file(whole=whole)

    def _close_last(self) -> None:
        if self._archives:
            self._archives[-1].close()

    def finish(self) -> list[Object]:
        """Put all packs in place."""
        self._close_last()
        objects = self._plain.finish()
        taken = {item.key for item in objects}
        for archive in self._archives:
            key = archive.top + SUFFIX
            while key in taken:  # next to the directory is a file of that name
                key += b"_"
            taken.add(key)
            objects.append(archive.finish(key))
        return objects

    def abandon(self) -> None:
        """Remove all packs."""
        self._plain.abandon()
        for archive in self._archives:
            archive.abandon()

    @property
    def names(self) -> list[str]:
        """The names of all packs."""
        return [*self._plain.names, *(archive.name for archive in self._archives)]


class _Archive:
    """The archive of one directory. A file is staged until it is known to be whole."""

    def __init__(self, top: bytes, pack: PackWriter, folder: Path) -> None:
        self.top = top
        self._pack = pack
        self._folder = folder
        self._zip = gzip.GzipFile(
            fileobj=pack, mode="wb", compresslevel=_COMPRESSION, filename="", mtime=0
        )
        self._tar = tarfile.open(  # noqa: SIM115 - closed by `close` or `abandon`
            fileobj=self._zip, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape"
        )
        self._file: Record | None = None
        self._staged: IO[bytes] | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """The name of the pack."""
        return self._pack.name

    def add(self, record: Record) -> None:
        """Take a record; the content of a file follows."""
        if record.kind == FILE:
            self._file = record
            self._staged = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - the same
                _MEMORY_BYTES, dir=str(self._folder)
            )
        else:
            self._tar.addfile(self._member(record))

    def _member(self, record: Record) -> tarfile.TarInfo:
        inside = record.name[len(self.top) + 1 :] or b"."
        member = tarfile.TarInfo(inside.decode(errors="surrogateescape"))
        member.type = _TYPES[record.kind]
        member.mode = record.mode
        member.size = record.size
        member.mtime = record.mtime_ns // _NS
        member.linkname = record.target.decode(errors="surrogateescape")
        member.pax_headers = {_MTIME: f"{record.mtime_ns // _NS}.{record.mtime_ns % _NS:09}"}
        return member

    def content(self, piece: memoryview) -> None:
        """Stage the next piece of the file."""
        if self._staged is not None:
            self._staged.write(piece)

    def end_file(self, *, whole: bool) -> None:
        """Add the file, if it is whole."""
        file, staged = self._file, self._staged
        self._file = self._staged = None
        if file is None or staged is None:
            raise RecordError("the end of a file that has not begun")
        with staged:
            if whole:
                staged.seek(0)
                self._tar.addfile(self._member(file), staged)

    def close(self) -> None:
        """Write the end of the archive."""
        if not self._closed:
            self._closed = True
            self._tar.close()
            self._zip.close()

    def finish(self, key: bytes) -> Object:
        """Put the pack in place and return the archive as an object."""
        self._pack.finish()
        return Object(
            key=key,
            kind=Kind.ARCHIVE,
            size=self._pack.size,
            target=self.top,
            pack=self._pack.name,
        )

    def abandon(self) -> None:
        """Remove the pack."""
        if self._staged is not None:
            self._staged.close()
        # Left open, it would be closed with the last reference to it: too late to write.
        with contextlib.suppress(OSError):
            self._zip.close()
        self._pack.abandon()


def unpacked(path: Path, folder: bytes) -> Iterator[bytes]:
    """Yield the records of what an archive holds, below *folder*. Blocks while it reads."""
    with (
        path.open("rb") as pack,
        tarfile.open(fileobj=pack, mode="r|gz", errors="surrogateescape") as tar,
    ):
        for member in tar:
            inside = member.name.encode(errors="surrogateescape").removeprefix(b"./")
            name = b"/".join(part for part in (folder, inside) if part not in (b"", b"."))
            if not name:
                continue
            check_name(name)
            yield _record_of(member, name).encode()
            if member.isreg():
                yield from _content(tar, member)
                yield Record(WHOLE).encode()


def _record_of(member: tarfile.TarInfo, name: bytes) -> Record:
    kind = next(kind for kind, type_ in _TYPES.items() if type_ == member.type)
    seconds, _, fraction = member.pax_headers[_MTIME].partition(".")
    return Record(
        kind,
        name,
        mode=member.mode,
        mtime_ns=int(seconds) * _NS + int(fraction),
        size=member.size,
        target=member.linkname.encode(errors="surrogateescape"),
    )


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"{member.name!r} has no content")
    while piece := content.read(_PIECE_BYTES):
        yield piece
