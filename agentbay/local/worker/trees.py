"""Whole trees of files, read for the runtime and written for it.

What does that is imported with the first tree: not every session has one.
"""

from __future__ import annotations

from .failures import CallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .calls import Call, Settings
    from .streams import Source


def read_tree(params: dict[str, Any], settings: Settings) -> Source:
    """Send the tree, or the one file, at ``path``, as far as ``rules`` cover it.

    When its fingerprint is ``known``, only that is said.
    """
    from .jobs import Job
    from .selection import Selection
    from .tree_reader import TreeReader

    path = _path_of(params, settings)
    reader = TreeReader(path, Selection(params.get("rules", [])), params.get("known", ""))
    return Job("read_tree", reader.serve)


def write_tree(params: dict[str, Any], settings: Settings) -> Source:
    """Write what arrives to ``path``; answer with the fingerprint as far as ``rules`` cover it.

    Each file appears whole or not at all. Nothing is deleted.
    """
    from .jobs import Job
    from .selection import Selection
    from .tree_writer import TreeWriter

    path = _path_of(params, settings)
    writer = TreeWriter(path, Selection(params.get("rules", [])))
    return Job("write_tree", writer.serve)


def select_names(call: Call, _settings: Settings) -> dict[str, Any]:
    """Return the indices of those ``names`` that ``rules`` cover."""
    from .selection import Selection

    selection = Selection(call.params["rules"])
    names = call.params["names"]
    return {"covered": [index for index, name in enumerate(names) if selection.covers(name)]}


def _path_of(params: dict[str, Any], settings: Settings) -> str:
    path = params.get("path")
    if not isinstance(path, str) or not path or "\0" in path:
        raise CallError("invalid_argument", "path: a non-empty string is required")
    return settings.resolve(path)
