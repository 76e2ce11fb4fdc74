"""Changes of files: what differs between two looks at a directory.

A look is a snapshot of the whole tree. It needs no resources between the calls, cannot overflow,
and sees a file that is replaced by a rename, as careful programs write, as the change it is.
"""

from __future__ import annotations

import os
import stat
import threading
import time

from .failures import CallError, failed
from .files import TEMPORARY_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .calls import Call, Settings

    # Inode, size, and times of change in nanoseconds; a directory has none.
    State = tuple[int, int, int, int] | None

MAX_ENTRIES = 100_000
"""Most names below one watched path."""
MAX_WATCHED = 64
"""Most paths whose last look is remembered; beyond, the one not asked for longest is forgotten."""
KEPT_SECONDS = 150.0
"""How long changes can be put back that were told to somebody who may not have heard."""
# A clock tick of the kernel, by which it dates changes. Two changes within one look the same.
_TICK_SECONDS = 0.01
_LOOKS = 3
_VERB = "watch"


class Watches:
    """The last look at each watched path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, dict[str, State]] = {}
        # Two looks from before what was told with `keep`, the first at least KEPT_SECONDS old
        # when it is replaced by the second, and when the second was taken.
        self._kept: dict[str, tuple[dict[str, State], dict[str, State], float]] = {}

    def get_file_change(self, call: Call, settings: Settings) -> dict[str, Any]:
        """Return what changed since the last call for this path; the first finds nothing.

        Directories are watched with all that is below them, as far as no link has to be
        followed. A rename is a deletion and a creation. With ``keep``, what is told can be put
        back for a while.
        """
        shown = call.text("path")
        path = os.path.normpath(settings.resolve(shown))
        # One at a time: whoever takes the changes of a path also leaves the look behind them.
        with self._lock:
            before = self._seen.pop(path, None)
            try:
                now = _look(path, shown)
            except FileNotFoundError as exc:
                if before is None:
                    raise failed(_VERB, shown, exc) from exc
                now = {}
            except Exception:
                self._remember(path, before)
                raise
            self._remember(path, now or None)
            if before is not None and call.params.get("keep") is True:
                self._keep(path, before)
        return {"events": [] if before is None else list(_differences(before, now))}

    def settle_file_change(self, call: Call, settings: Settings) -> dict[str, Any]:
        """End the keeping of what was told, or put it back for the next call (``put_back``)."""
        path = os.path.normpath(settings.resolve(call.text("path")))
        with self._lock:
            kept = self._kept.pop(path, None)
            if kept is not None and call.params.get("put_back") is True:
                self._remember(path, kept[0])
        return {}

    def _keep(self, path: str, before: dict[str, State]) -> None:
        older, newer, since = self._kept.get(path, (before, before, time.monotonic()))
        if time.monotonic() - since > KEPT_SECONDS:
            older, newer, since = newer, before, time.monotonic()
        self._kept[path] = (older, newer, since)

    def _remember(self, path: str, look: dict[str, State] | None) -> None:
        if look is not None:
            self._seen[path] = look
        if len(self._seen) > MAX_WATCHED:
            del self._seen[next(iter(self._seen))]


def _look(path: str, shown: str) -> dict[str, State]:
    """Return the state of everything at and below *path*.

    Looks again when something changed just before, for it may change again within the same tick.
    """
    found: dict[str, State] = {}
    for _ in range(_LOOKS):
        began = time.time_ns()
        try:
            found = _snapshot(path, shown)
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise failed(_VERB, shown, exc) from exc
        newest = max((state[3] for state in found.values() if state), default=0)
        if newest + _TICK_SECONDS * 1e9 < began or newest > began + 1e9:
            break
        time.sleep(_TICK_SECONDS)
    return found


def _snapshot(path: str, shown: str) -> dict[str, State]:
    root = os.stat(path)
    found: dict[str, State] = {path: _state(root)}
    directories = [path] if stat.S_ISDIR(root.st_mode) else []
    while directories:
        try:
            with os.scandir(directories.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith(TEMPORARY_PREFIX):
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    found[entry.path] = _state(status)
                    if stat.S_ISDIR(status.st_mode):
                        directories.append(entry.path)
                    if len(found) > MAX_ENTRIES:
                        raise CallError(
                            "too_large",
                            f"Failed to {_VERB}: {shown}, error: more than {MAX_ENTRIES} names; "
                            "watch a smaller directory",
                        )
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # it vanished meanwhile, or what is below it cannot be seen
    return found


def _state(status: os.stat_result) -> State:
    if stat.S_ISDIR(status.st_mode):
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _differences(before: dict[str, State], now: dict[str, State]) -> Iterator[dict[str, str]]:
    """Yield the events that lead from one look to the other, parents before what they hold.

    Something that takes the place of another kind of thing is a deletion and a creation.
    """
    for path in sorted(before.keys() - now.keys(), reverse=True):
        yield _event("delete", path, before[path])
    for path in sorted(now):
        old, new = before.get(path), now[path]
        if path in before and (old is None) != (new is None):
            yield _event("delete", path, old)
        if path not in before or (old is None) != (new is None):
            yield _event("create", path, new)
            if new is not None:
                yield _event("modify", path, new)
        elif old != new:
            yield _event("modify", path, new)


def _event(event_type: str, path: str, state: State) -> dict[str, str]:
    return {
        "event_type": event_type,
        "path": path,
        "path_type": "directory" if state is None else "file",
    }
