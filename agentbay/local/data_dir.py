"""The directory that holds everything a runtime keeps, and the lock that makes it its own.

    <data dir>              itself locked (flock) by the runtime that uses it
    <data dir>/pid          that runtime's process id, for messages
    <data dir>/runtime.db   sessions and labels
    <data dir>/sandboxes/   one directory per live session
    <data dir>/contexts.db  contexts: their names and objects
    <data dir>/packs/       the content of those
    <data dir>/packages/    what kernels import in all of them

The kernel releases the lock when the process ends, however it ends: a directory whose lock is
free belongs to nobody, which is how the remains of killed runtimes are recognised.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agentbay.local.failures import LocalRuntimeError
from agentbay.local.sandbox.trees import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("DataDir",)

logger = logging.getLogger(__name__)

_PID = "pid"
_SANDBOXES = "sandboxes"
_PACKAGES = "packages"
_TEMPORARY_PREFIX = "run-"
_CLEAR_SECONDS = 5.0
_PAUSE_SECONDS = 0.02
_LOCK_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class DataDir:
    """An open, locked data directory."""

    def __init__(self, path: Path, lock_fd: int, *, temporary: bool) -> None:
        self.path = path
        self.temporary = temporary
        self._lock_fd = lock_fd

    @property
    def sandboxes(self) -> Path:
        """Where each sandbox gets a directory of its own."""
        return self.path / _SANDBOXES

    @property
    def packages(self) -> Path:
        """Where the packages of kernels are; each runtime fills it afresh."""
        return self.path / _PACKAGES

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.path / "runtime.db"

    @property
    def contexts_database(self) -> Path:
        """The file of the store of contexts."""
        return self.path / "contexts.db"

    @property
    def packs(self) -> Path:
        """Where the content of contexts is."""
        return self.path / "packs"

    @property
    def ca_file(self) -> Path:
        """The certificate that clients must trust, when the runtime speaks TLS."""
        return self.path / "ca.pem"

    @classmethod
    def open(cls, path: Path | None) -> DataDir:
        """Open and lock *path*, or a fresh private directory that `close` removes.

        Blocks; what killed runtimes left behind is removed first.

        Raises:
            LocalRuntimeError: Another runtime uses the directory, or it cannot be used.
        """
        try:
            return cls._open_temporary() if path is None else cls._open_given(path)
        except OSError as exc:
            shown = exc.filename or path or tempfile.gettempdir()
            raise LocalRuntimeError(
                f"The data directory cannot be used: {shown}: {exc.strerror}. "
                "Choose another one with --data-dir (data_dir=...) or TMPDIR."
            ) from exc

    @classmethod
    def _open_given(cls, path: Path) -> DataDir:
        path = path.expanduser().resolve()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_fd = _try_lock(path)
        if lock_fd is None:
            raise LocalRuntimeError(
                f"The data directory {path} is in use by another runtime "
                f"(pid {_owner_of(path)}). Stop that one, or choose another --data-dir."
            )
        try:
            _write_owner(path)
            # Sandboxes do not outlive their runtime, so these are a killed one's.
            _clear_sandboxes(path)
            (path / _SANDBOXES).mkdir(mode=0o700)
            (path / _PACKAGES).mkdir(mode=0o700)
        except BaseException:
            os.close(lock_fd)
            raise
        return cls(path, lock_fd, temporary=False)

    @classmethod
    def _open_temporary(cls) -> DataDir:
        base = _temporary_base()
        with _locked_directory(base):
            # Whoever sweeps holds the same lock, so none sees the directory before it is locked.
            path = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=base))
            lock_fd = _try_lock(path)
            stale = [(found, _try_lock(found)) for found in base.glob(f"{_TEMPORARY_PREFIX}*")]
        for found, fd in stale:
            if fd is not None:
                _remove_stale(found, fd)
        if lock_fd is None:
            raise LocalRuntimeError(f"The new directory {path} was locked by somebody else")
        _write_owner(path)
        (path / _SANDBOXES).mkdir(mode=0o700)
        (path / _PACKAGES).mkdir(mode=0o700)
        return cls(path, lock_fd, temporary=True)

    def close(self) -> None:
        """Release the directory, and remove it if it is temporary. Blocks."""
        try:
            if self.temporary:
                _clear_sandboxes(self.path)
                shutil.rmtree(self.path)
        finally:
            os.close(self._lock_fd)

    def abandon(self) -> None:
        """Close a forked child's copy of the lock, which stays with the parent."""
        os.close(self._lock_fd)


def _temporary_base() -> Path:
    """Return this user's directory for temporary data directories."""
    base = Path(tempfile.gettempdir()) / f"agentbay-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        base.mkdir(mode=0o700)
    status = base.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise LocalRuntimeError(
            f"{base} does not belong to this user, so it is not safe to use. Remove it, or set "
            "TMPDIR or a data directory."
        )
    base.chmod(0o700)
    return base


@contextlib.contextmanager
def _locked_directory(path: Path) -> Iterator[None]:
    fd = os.open(path, _LOCK_FLAGS)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _try_lock(path: Path) -> int | None:
    """Lock the directory *path*; ``None`` when somebody else has it, or it is gone."""
    try:
        fd = os.open(path, _LOCK_FLAGS)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _write_owner(path: Path) -> None:
    (path / _PID).write_text(f"{os.getpid()}\n", encoding="ascii")


def _owner_of(path: Path) -> str:
    try:
        return (path / _PID).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "unknown"  # it has only just locked the directory


def _remove_stale(path: Path, lock_fd: int) -> None:
    """Remove what a killed runtime left; what cannot be removed does not stop this one."""
    try:
        _clear_sandboxes(path)
        shutil.rmtree(path)
        logger.info("Removed %s, left by a runtime that was killed", path)
    except FileNotFoundError:
        return  # its owner removed it, before its lock was free
    except OSError as exc:
        logger.warning("Cannot remove %s, left by a runtime that was killed: %s", path, exc)
    finally:
        os.close(lock_fd)


def _clear_sandboxes(path: Path) -> None:
    """Remove what sandboxes had, although some of their processes may not be quite dead yet.

    The lock of a runtime that is killed is free before the kernel has ended all below it, and
    until then they write files.
    """
    deadline = time.monotonic() + _CLEAR_SECONDS
    for name in (_SANDBOXES, _PACKAGES):
        while not _removed(path / name, last_try=time.monotonic() > deadline):
            time.sleep(_PAUSE_SECONDS)


def _removed(path: Path, *, last_try: bool) -> bool:
    try:
        remove_tree(path)
    except OSError:
        if last_try:
            raise
        return False
    return True
