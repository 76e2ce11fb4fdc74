"""From objects to the records of a tree, as a sandbox is to write it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentbay.local.contexts.archives import unpacked
from agentbay.local.contexts.entries import Kind
from agentbay.local.contexts.keys import join, relative
from agentbay.local.worker.records import DIRECTORY, END, FILE, SYMLINK, WHOLE, Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from agentbay._wire.persistence import Unpacking
    from agentbay.local.contexts.entries import Object
    from agentbay.local.contexts.packs import Packs

__all__ = ("content_of", "tree_of")

_PIECE_BYTES = 1024 * 1024

_KINDS = {Kind.DIRECTORY: DIRECTORY, Kind.SYMLINK: SYMLINK, Kind.FILE: FILE, Kind.ARCHIVE: FILE}


def tree_of(
    objects: Iterable[Object], prefix: bytes, packs: Packs, unpacking: Unpacking
) -> Generator[bytes, None, None]:
    """Yield the tree of *objects* in pieces that are worth sending. Blocks while it reads."""
    pieces: list[bytes] = []
    size = 0
    for piece in _records(objects, prefix, packs, unpacking):
        pieces.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            yield b"".join(pieces)
            pieces.clear()
            size = 0
    pieces.append(Record(END).encode())
    yield b"".join(pieces)


def _records(
    objects: Iterable[Object], prefix: bytes, packs: Packs, unpacking: Unpacking
) -> Iterator[bytes]:
    known = sorted(objects, key=lambda item: item.kind is not Kind.ARCHIVE)
    for item in known:
        name = relative(item.key, prefix)
        if item.kind is Kind.ARCHIVE and unpacking.extract:
            folder = name.rpartition(b"/")[0]
            if not unpacking.extract_to_current_folder:
                folder = join(folder, item.target) if folder else item.target
            yield from unpacked(packs.path(item.pack), folder)
            if unpacking.delete_src_file:
                continue
        yield Record(
            _KINDS[item.kind],
            name,
            mode=item.mode,
            mtime_ns=item.mtime_ns,
            size=item.size if item.kind in (Kind.FILE, Kind.ARCHIVE) else 0,
            target=item.target if item.kind is Kind.SYMLINK else b"",
        ).encode()
        if _KINDS[item.kind] == FILE:
            yield from content_of(item, packs)
            yield Record(WHOLE).encode()


def content_of(
    item: Object, packs: Packs, part: range | None = None
) -> Generator[bytes, None, None]:
    """Yield the content of a file, or a part of it. Blocks while it reads."""
    part = range(item.size) if part is None else part
    if part:
        with packs.path(item.pack).open("rb", buffering=0) as pack:
            yield from _slice(pack.fileno(), item.start + part.start, len(part))


def _slice(fd: int, start: int, size: int) -> Iterator[bytes]:
    end = start + size
    while start < end:
        piece = os.pread(fd, min(end - start, _PIECE_BYTES), start)
        if not piece:
            raise OSError(f"A pack ends {end - start} bytes too early")
        yield piece
        start += len(piece)
