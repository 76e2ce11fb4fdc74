"""Remove directory trees that were in the hands of strangers."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER_ALL = stat.S_IRWXU


def remove_tree(root: Path) -> None:
    """Remove the directory *root* and everything below it; a missing one is fine.

    Whatever the tree looks like: any mode, any depth, any name, links to anywhere. Directories
    are moved up next to each other before they are emptied, so neither the stack nor the
    number of open files grows with the depth, and every step is relative to an open directory,
    so no link is ever followed. The owner of the files has to run it.
    """
    try:
        top = os.open(root, os.O_RDONLY | _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _Remover(top).remove_children()
    finally:
        os.close(top)
    root.rmdir()


class _Remover:
    """Empties one open directory."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._prefix = f"removing-{secrets.token_hex(8)}-"
        self._moved = 0
        self._directories: list[str] = []

    def remove_children(self) -> None:
        self._clear(self._top)
        while self._directories:
            name = self._directories.pop()
            fd = _open_directory(name, self._top)
            try:
                self._clear(fd)
            finally:
                os.close(fd)
            os.rmdir(name, dir_fd=self._top)

    def _clear(self, fd: int) -> None:
        """Unlink the files in an open directory and move its directories to the top."""
        with os.scandir(fd) as found:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        for name, is_directory in entries:
            if is_directory:
                self._lift(name, fd)
            else:
                os.unlink(name, dir_fd=fd)

    def _lift(self, name: str, parent: int) -> None:
        # A directory has to be writable to be moved: its ".." changes.
        os.close(_open_directory(name, parent))
        self._moved += 1
        moved = f"{self._prefix}{self._moved}"
        os.rename(name, moved, src_dir_fd=parent, dst_dir_fd=self._top)
        self._directories.append(moved)


def _open_directory(name: str, parent: int) -> int:
    """Open a directory for reading, after making it accessible where it is not."""
    path_fd = os.open(name, os.O_PATH | _DIRECTORY, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(path_fd).st_mode)
        if mode & _OWNER_ALL != _OWNER_ALL:
            os.chmod(f"/proc/self/fd/{path_fd}", mode | _OWNER_ALL)  # noqa: PTH101
        return os.open(".", os.O_RDONLY | _DIRECTORY, dir_fd=path_fd)
    finally:
        os.close(path_fd)
