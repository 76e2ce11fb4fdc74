"""Walking through a tree of files, and telling whether it is still the same."""

from __future__ import annotations

import os
import stat

from .failures import failed
from .records import DIRECTORY, FILE, SYMLINK, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .selection import Selection

_KINDS = {stat.S_IFDIR: DIRECTORY, stat.S_IFREG: FILE, stat.S_IFLNK: SYMLINK}
_OWNER_ENTERS = stat.S_IRUSR | stat.S_IXUSR
# Nothing may change twice within what the clock of a file system can tell apart.
_CLOCK_NS = 10_000_000


class Found:
    """Something below the root of a tree."""

    __slots__ = ("name", "path", "status")

    def __init__(self, name: str, path: str, status: os.stat_result) -> None:
        self.name = name
        self.path = path
        self.status = status

    @property
    def kind(self) -> int:
        """The kind of its record; 0 for sockets, devices and the like."""
        return _KINDS.get(stat.S_IFMT(self.status.st_mode), 0)

    def record(self) -> Record:
        """Return its record."""
        kind, status = self.kind, self.status
        return Record(
            kind,
            os.fsencode(self.name),
            mode=stat.S_IMODE(status.st_mode),
            mtime_ns=status.st_mtime_ns,
            size=status.st_size if kind == FILE else 0,
            target=os.fsencode(os.readlink(self.path)) if kind == SYMLINK else b"",
        )


def walk(root: str, selection: Selection) -> Iterator[Found]:
    """Yield what is below *root*, each directory before what it holds, in the order of names."""
    levels = [_Level(root, "")]
    try:
        while levels:
            found = levels[-1].next_found()
            if found is None:
                levels.pop().close()
                continue
            if selection.covers(found.name):
                yield found
            if stat.S_ISDIR(found.status.st_mode) and selection.reaches(found.name):
                levels.append(_Level(found.path, found.name, found.status))
    finally:
        for level in levels:
            level.close()


class _Level:
    """One directory of a walk; what its owner may not enter is opened up meanwhile."""

    def __init__(self, path: str, name: str, status: os.stat_result | None = None) -> None:
        self._path = path
        self._prefix = f"{name}/" if name else ""
        self._mode: int | None = None
        if status is not None and _OWNER_ENTERS & ~status.st_mode and is_own(status):
            self._mode = stat.S_IMODE(status.st_mode)
            os.chmod(path, self._mode | _OWNER_ENTERS)
        try:
            self._names = iter(sorted(os.listdir(path)))
        except (FileNotFoundError, NotADirectoryError):
            self._names = iter(())  # replaced since it was seen
        except OSError as exc:
            self.close()
            raise failed("read directory", path, exc) from exc

    def next_found(self) -> Found | None:
        """Return the next entry that is still there."""
        for name in self._names:
            path = os.path.join(self._path, name)
            try:
                return Found(self._prefix + name, path, os.lstat(path))
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise failed("read", path, exc) from exc
        return None

    def close(self) -> None:
        """Give the directory its own mode back."""
        if self._mode is not None:
            os.chmod(self._path, self._mode)
            self._mode = None


def is_own(status: os.stat_result) -> bool:
    """Return whether this user, who is not root, may change the mode of a file."""
    return status.st_uid == os.geteuid() != 0


class Fingerprint:
    """A digest of everything that tells a changed tree from an unchanged one."""

    def __init__(self) -> None:
        import hashlib  # takes longer to import than most of this

        self._digest = hashlib.blake2b(digest_size=20)
        self._newest = 0

    def add(self, found: Found) -> None:
        """Take in one entry; the order matters."""
        status = found.status
        self._newest = max(self._newest, status.st_ctime_ns)
        facts = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        self._digest.update(os.fsencode(found.name) + b"\0%d %d %d %d " % facts)
        self._digest.update(b"%d\n" % status.st_ino)

    def text(self, started_ns: int | None = None) -> str:
        """Return it; empty when something changed too late to be told from a later change."""
        if started_ns is not None and self._newest > started_ns - _CLOCK_NS:
            return ""
        return self._digest.hexdigest()
