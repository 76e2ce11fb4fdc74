"""Files and trees for tests."""

from __future__ import annotations

import os
import random
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Entry = tuple[str, int, bytes]


def write_random(path: Path, size: int, seed: int = 7) -> bytes:
    """Write *size* bytes that are no pattern, and return them."""
    content = random.Random(seed).randbytes(size)
    path.write_bytes(content)
    return content


def tree_of(folder: Path) -> dict[bytes, Entry]:
    """Return everything below *folder* by name: kind, mode, and content or target."""
    return {os.fsencode(path.relative_to(folder)): entry_of(path) for path in below(folder)}


def below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from below(path)


def entry_of(path: Path) -> Entry:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", 0, os.fsencode(os.readlink(path))  # noqa: PTH115 - a Path would be tidier than the link
    if stat.S_ISDIR(mode):
        return "directory", stat.S_IMODE(mode), b""
    return "file", stat.S_IMODE(mode), path.read_bytes()
