"""Files of the sandbox: read, write, list, describe, move and delete."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat

from .failures import CallError, failed
from .frames import CHUNK_BYTES, MAX_MESSAGE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .calls import Call, Settings

# Opening must neither wait for the other end of a FIFO nor acquire a terminal.
OPEN_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
UMASK = 0o022
TEMPORARY_PREFIX = ".agentbay-"
# Room in the message for everything that is not file content.
MAX_READ_BYTES = MAX_MESSAGE_BYTES - 64 * 1024


def read_file(call: Call, settings: Settings) -> dict[str, Any]:
    """Stream ``length`` bytes (0: to the end) of a file from ``offset`` as blob ``content``."""
    shown = call.text("path")
    offset = call.number_of("offset", 0)
    length = call.number_of("length", 0)
    try:
        fd = os.open(settings.resolve(shown), os.O_RDONLY | OPEN_FLAGS)
        try:
            size = require_regular(fd, "read file", shown)
            wanted = length or max(size - offset, 0)
            if min(wanted, max(size - offset, 0)) > MAX_READ_BYTES:
                raise _too_large(shown)
            _stream_content(call, fd, shown, offset, length)
        finally:
            os.close(fd)
    except OSError as exc:
        raise failed("read file", shown, exc) from exc
    return {"size": size}


def _stream_content(call: Call, fd: int, shown: str, offset: int, length: int) -> None:
    # To the end that is found while reading: files of /proc say that they are empty, and a log
    # grows meanwhile.
    sent = 0
    while not call.cancelled:
        left = length - sent if length else CHUNK_BYTES
        chunk = os.pread(fd, min(left, CHUNK_BYTES), offset + sent)
        sent += len(chunk)
        if sent > MAX_READ_BYTES:
            raise _too_large(shown)
        if not chunk:
            break
        call.send_blob("content", chunk)
    if not sent:
        call.send_blob("content", b"")


def _too_large(shown: str) -> CallError:
    return CallError(
        "too_large",
        f"Failed to read file: {shown}, error: more than {MAX_READ_BYTES} bytes; "
        "read it in parts with offset and length",
    )


def require_regular(fd: int, verb: str, shown: str) -> int:
    """Return the size of the open file; fail for what is not a regular one."""
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise failed(verb, shown, errno.EISDIR)
    if not stat.S_ISREG(status.st_mode):
        raise _not_regular(verb, shown)
    return status.st_size


def _not_regular(verb: str, shown: str) -> CallError:
    return CallError("invalid_argument", f"Failed to {verb}: {shown}, error: Not a regular file")


def write_file(call: Call, settings: Settings) -> dict[str, Any]:
    """Write the payload to a file, whose missing parent directories are created."""
    shown = call.text("path")
    mode = call.params.get("mode", "overwrite")
    if mode not in ("overwrite", "append"):
        raise CallError("invalid_argument", "mode: 'overwrite' or 'append' is required")
    path = settings.resolve(shown)
    try:
        if path.endswith("/"):
            raise failed("write file", shown, errno.EISDIR)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if mode == "append":
            _append(path, shown, call.payload)
        else:
            replace_content(path, shown, call.payload)
    except OSError as exc:
        raise failed("write file", shown, exc) from exc
    return {"bytes_written": len(call.payload)}


def _append(path: str, shown: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | OPEN_FLAGS, 0o666)
    try:
        require_regular(fd, "write file", shown)
        _write_all(fd, data)
    finally:
        os.close(fd)


def replace_content(path: str, shown: str, data: bytes, verb: str = "write file") -> None:
    """Switch in the new content by a rename, so that no reader ever sees half of it."""
    target = os.path.realpath(path)
    mode = _mode_of_replaced(target, shown, verb)
    temporary = os.path.join(os.path.dirname(target), f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_FLAGS, 0o600)
    try:
        try:
            _write_all(fd, data)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode_of_replaced(target: str, shown: str, verb: str) -> int:
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return 0o666 & ~UMASK
    if stat.S_ISDIR(status.st_mode):
        raise failed(verb, shown, errno.EISDIR)
    if not stat.S_ISREG(status.st_mode):
        raise _not_regular(verb, shown)
    if not os.access(target, os.W_OK):
        # A rename would not mind, but a file that is protected from writing should stay.
        raise failed(verb, shown, errno.EACCES)
    return stat.S_IMODE(status.st_mode)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def list_directory(call: Call, settings: Settings) -> dict[str, Any]:
    """Return the entries of a directory in the order of their names."""
    shown = call.text("path")
    try:
        with os.scandir(settings.resolve(shown)) as found:
            entries = [
                {"name": entry.name, "type": _type_of(entry), "is_directory": _leads_to_dir(entry)}
                for entry in found
            ]
    except OSError as exc:
        raise failed("list directory", shown, exc) from exc
    return {"entries": sorted(entries, key=lambda entry: str(entry["name"]))}


def _type_of(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "symlink"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _leads_to_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symbolic link in a loop, or into a directory that must not be read
        return False


def get_file_info(call: Call, settings: Settings) -> dict[str, Any]:
    """Describe what a path leads to; symbolic links are followed."""
    shown = call.text("path")
    path = os.path.normpath(settings.resolve(shown))
    try:
        status = os.stat(path)
    except OSError as exc:
        raise failed("get file status", shown, exc) from exc
    return {
        "name": os.path.basename(path) or "/",
        "path": path,
        "size": status.st_size,
        "is_directory": stat.S_ISDIR(status.st_mode),
        "is_file": stat.S_ISREG(status.st_mode),
        "mode": stat.S_IMODE(status.st_mode),
        "owner": _owner_name(status.st_uid),
        "group": _group_name(status.st_gid),
        "modified": status.st_mtime,
        "created": status.st_ctime,  # the system does not tell the time of birth
        "accessed": status.st_atime,
    }


def _owner_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def create_directory(call: Call, settings: Settings) -> dict[str, Any]:
    """Create a directory and its parents; one that exists is fine."""
    shown = call.text("path")
    try:
        os.makedirs(settings.resolve(shown), exist_ok=True)
    except OSError as exc:
        raise failed("create directory", shown, exc) from exc
    return {}


def delete_file(call: Call, settings: Settings) -> dict[str, Any]:
    """Delete a file, a symbolic link (not its target) or an empty directory."""
    shown = call.text("path")
    path = settings.resolve(shown)
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            os.rmdir(path)
        else:
            os.unlink(path)
    except OSError as exc:
        raise failed("delete file", shown, exc) from exc
    return {}


def move_file(call: Call, settings: Settings) -> dict[str, Any]:
    """Rename a file or directory; an existing file at the destination is replaced."""
    shown = call.text("source")
    source = settings.resolve(shown)
    destination = settings.resolve(call.text("destination"))
    try:
        try:
            os.rename(source, destination)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            _move_across(source, destination)
    except OSError as exc:
        raise failed("move file", shown, exc) from exc
    return {}


def _move_across(source: str, destination: str) -> None:
    """Copy and delete: the two are on different file systems."""
    import shutil  # takes longer to import than everything else here, and is rarely needed

    if os.path.isdir(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    shutil.move(source, destination)
