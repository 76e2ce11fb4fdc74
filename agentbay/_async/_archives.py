"""Directories as tar archives, made and unpacked on this machine, in worker threads.

What comes out of a session is not trusted. The filters of ``tarfile`` are not used: not every
supported Python has them, and they change modes.
"""

from __future__ import annotations

import math
import os
import stat
import tarfile
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from anyio import CancelScope, from_thread, to_thread
from attrs import Factory, define, frozen

from agentbay._transport.finishing import finish
from agentbay.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

PIECE_BYTES = 1024 * 1024
MODE_BITS = 0o777
"""What is kept of a mode: nobody gets a set-user-id program from a session."""


@frozen
class Packed:
    """What went into an archive."""

    entries: int
    skipped: tuple[str, ...]


@define
class Unpacked:
    """A tree that came out of an archive, checked, with the modes its directories are to get."""

    tree: Path
    entries: int = 0
    skipped: tuple[str, ...] = ()
    directory_modes: dict[str, int] = Factory(dict)


class _GivenUpError(Exception):
    """Nobody waits for the result any more."""


def _check_cancelled() -> None:
    try:
        from_thread.check_cancelled()
    except Exception:
        raise
    except BaseException as exc:
        raise _GivenUpError from exc


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a function of this module in a thread; it ends soon after a cancellation.

    That is waited for: what comes next would meet the thread still at work.
    """
    scope = CancelScope()

    async def work() -> T:
        with scope:
            return await to_thread.run_sync(function, *args)
        raise _GivenUpError

    return await finish(work, grace=math.inf, on_cancel=scope.cancel)


def pack(source: Path, archive: Path) -> Packed:
    """Write what is in the directory *source* to *archive*.

    Raises:
        OSError: something cannot be read or written.
        FileError: a name cannot be stored.
    """
    entries, skipped = 0, []
    with _opened(archive, "w") as tar:
        for path in _walk(source):
            _check_cancelled()
            name = os.path.relpath(path, source)
            try:
                stored = _add(tar, path, name)
            except UnicodeError as exc:
                raise FileError(f"The name {name!r} cannot be stored: {exc}") from exc
            entries += stored
            if not stored:
                skipped.append(name)
            _forget(tar)
    return Packed(entries, tuple(skipped))


def _opened(archive: Path, mode: Literal["r", "w"]) -> tarfile.TarFile:
    # The GNU format stores names as the bytes that they are.
    return tarfile.TarFile(
        archive,
        mode,
        format=tarfile.GNU_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
        copybufsize=PIECE_BYTES,
    )


def _forget(tar: Any) -> None:
    """Drop what an open archive remembers of each entry, so that it does not grow with them."""
    tar.members.clear()
    tar.inodes.clear()


def _walk(folder: str | Path) -> Iterator[str]:
    """Yield everything below *folder*, each directory before what it holds."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    for entry in entries:
        yield entry.path
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)


def _add(tar: tarfile.TarFile, path: str, name: str) -> bool:
    """Add one entry; return whether it is of a kind that travels."""
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        with Path(path).open("rb") as file:
            info = tar.gettarinfo(arcname=name, fileobj=file)
            tar.addfile(_anonymous(info), _Cancellable(file))
        return True
    if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
        tar.addfile(_anonymous(tar.gettarinfo(path, name)))
        return True
    return False


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


class _Cancellable:
    """A file whose reader is told when nobody waits for the result any more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        _check_cancelled()
        return self._file.read(size)


def unpack(archive: Path, tree: Path) -> Unpacked:
    """Unpack *archive* into the new directory *tree*.

    Links are made last, so that nothing is ever written through one.

    Raises:
        OSError: something cannot be written.
        FileError: the archive is broken, or holds what must not get out of a session.
    """
    tree.mkdir()
    unpacked = Unpacked(tree)
    links: dict[str, str] = {}
    try:
        with _opened(archive, "r") as tar:
            while (member := tar.next()) is not None:
                _check_cancelled()
                name = _checked_name(member.name)
                if name:
                    _extract(tar, member, name, unpacked, links)
                _forget(tar)
    except (tarfile.TarError, EOFError) as exc:
        raise FileError(f"The archive cannot be read: {exc}") from exc
    for name in links:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
    for name, target in links.items():
        (tree / name).symlink_to(target)
    return unpacked


def _checked_name(name: str) -> str:
    """Return *name* without what means nothing; the directory itself is the empty name."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        _refuse(name, "leads out of the directory")
    if os.sep != "/" and any(os.sep in part or ":" in part for part in parts):
        _refuse(name, "means something else on this system")
    return "/".join(parts)


def _refuse(name: str, why: str) -> NoReturn:
    raise FileError(f"The archive is refused: {name!r} {why}")


def _extract(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    name: str,
    unpacked: Unpacked,
    links: dict[str, str],
) -> None:
    path = unpacked.tree / name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        unpacked.directory_modes[name] = member.mode & MODE_BITS
    elif member.issym():
        links[name] = _checked_link(name, member.linkname)
    elif member.isfile() and not member.issparse():
        path.parent.mkdir(parents=True, exist_ok=True)
        _extract_file(tar, member, path)
    elif member.islnk():
        original = _checked_name(member.linkname)
        if original in links:
            links[name] = _checked_link(name, links[original])
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(unpacked.tree / original)
    elif member.isfifo():
        unpacked.skipped += (name,)
        return
    else:
        _refuse(name, "is a device, or of an unknown kind")
    unpacked.entries += 1


def _extract_file(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = tar.extractfile(member)
    assert source is not None  # noqa: S101 - it is a file
    with closing(source), path.open("xb") as file:
        left = member.size
        while left:
            _check_cancelled()
            piece = source.read(min(PIECE_BYTES, left))
            if not piece:
                raise FileError(f"The archive ends within {member.name!r}")
            file.write(piece)
            left -= len(piece)
        path.chmod(member.mode & MODE_BITS)
    os.utime(path, (member.mtime, member.mtime))


def _checked_link(name: str, target: str) -> str:
    """Return *target* if the link *name* cannot lead out of the tree, whatever else is in it.

    It may go up only at its beginning, where each step is a real directory of the tree, and no
    further than to the top. Below that, every link is of the same kind.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    if target.startswith("/") or "\0" in target or not target:
        _refuse(name, f"is a link to {target!r}, out of the directory")
    if ups > name.count("/") or ".." in parts[ups:]:
        _refuse(name, f"is a link to {target!r}, out of the directory")
    return target


def install(unpacked: Unpacked, target: Path) -> None:
    """Move an unpacked tree to *target*: as a whole, or into a directory that exists.

    Raises:
        OSError: *target*, or something in it, is in the way; nothing has been moved then.
    """
    if os.path.lexists(target):
        moves = list(_moves(unpacked.tree, target))
        for source, place in moves:
            source.replace(place)
    else:
        unpacked.tree.rename(target)
    # Deepest first: a directory that may not be entered comes after what is in it.
    for name in sorted(unpacked.directory_modes, key=lambda name: name.count("/"), reverse=True):
        (target / name).chmod(unpacked.directory_modes[name])


def _moves(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield what to move where; directories that exist on both sides are merged."""
    if not stat.S_ISDIR(os.lstat(target).st_mode):
        raise NotADirectoryError(f"{target} exists and is no directory")
    with os.scandir(source) as found:
        entries = list(found)
    for entry in entries:
        place = target / entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        if not os.path.lexists(place):
            yield Path(entry.path), place
        elif is_directory:
            yield from _moves(Path(entry.path), place)
        elif stat.S_ISDIR(os.lstat(place).st_mode):
            raise IsADirectoryError(f"{place} exists and is a directory")
        else:
            yield Path(entry.path), place
