"""Searches for names below a directory."""

from __future__ import annotations

import errno
import os
import stat

from .failures import CallError, failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .calls import Call, Settings

MAX_MATCHES = 100_000
MAX_ENTRIES = 2_000_000
_VERB = "search files"


def search_files(call: Call, settings: Settings) -> dict[str, Any]:
    """Return the paths below ``path`` whose names match; links to directories are not followed.

    Directories that cannot be read, or vanish meanwhile, are left out.
    """
    shown = call.text("path")
    root = os.path.normpath(settings.resolve(shown))
    try:
        if not stat.S_ISDIR(os.stat(root).st_mode):
            raise failed(_VERB, shown, errno.ENOTDIR)
    except OSError as exc:
        raise failed(_VERB, shown, exc) from exc
    wanted = _matcher([call.text("pattern")])
    excluded = _matcher(call.params["excluded"])
    matches: list[str] = []
    for seen, entry in enumerate(_walk(call, root, excluded), 1):
        if wanted(entry.name):
            matches.append(entry.path)
        if seen > MAX_ENTRIES or len(matches) > MAX_MATCHES:
            raise CallError(
                "too_large",
                f"Failed to {_VERB}: {shown}, error: more than {MAX_MATCHES} matches or "
                f"{MAX_ENTRIES} names; search a smaller directory",
            )
    return {"matches": sorted(matches)}


def _walk(call: Call, root: str, excluded: Callable[[str], bool]) -> Iterator[os.DirEntry[str]]:
    directories = [root]
    while directories and not call.cancelled:
        try:
            with os.scandir(directories.pop()) as entries:
                for entry in entries:
                    if excluded(entry.name):
                        continue
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.path)
        except OSError:
            continue


def _matcher(patterns: list[str]) -> Callable[[str], bool]:
    """Return what tells whether a name matches any of *patterns*."""
    # Not before the first search: every session would wait for it.
    import fnmatch
    import re

    # Brackets have no meaning here. Translated by the library, for its expressions take no longer
    # for patterns with many stars.
    expressions = [fnmatch.translate(pattern.replace("[", "[[]")) for pattern in patterns]
    matches = [re.compile(expression).match for expression in expressions]
    return lambda name: any(match(name) for match in matches)
