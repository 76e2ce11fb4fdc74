"""Which files of a tree are synchronised: its white lists.

Used inside sandboxes, and by the runtime as long as no rule is a regular expression: those come
from clients and can take any time, so they are only ever matched inside the client's own sandbox.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from typing import Any


class Selection:
    """The white lists of one tree; none at all means everything.

    A rule covers its path and all below it, without what it excludes. A regular expression has
    to match a whole path, with or without a slash in front, and covers all below that as well.

    Args:
        rules: Objects with ``path``, ``excludePaths``, ``isPathRegex`` and ``isExcludeRegex``.
    """

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self._rules = [_Rule(rule) for rule in rules]

    def covers(self, name: str) -> bool:
        """Return whether what is at *name*, relative to the root, is synchronised."""
        return not self._rules or any(rule.covers(name) for rule in self._rules)

    def reaches(self, name: str) -> bool:
        """Return whether something below the directory *name* may be synchronised."""
        return not self._rules or any(rule.reaches(name) for rule in self._rules)


def needs_sandbox(rules: list[dict[str, Any]]) -> bool:
    """Return whether a rule is a regular expression."""
    return any(rule.get("isPathRegex") or rule.get("isExcludeRegex") for rule in rules)


class _Rule:
    def __init__(self, rule: dict[str, Any]) -> None:
        excluded = rule.get("excludePaths", [])
        self._path = None if rule.get("isPathRegex") else rule["path"].strip("/")
        self._pattern = _compiled(rule["path"]) if rule.get("isPathRegex") else None
        is_regex = rule.get("isExcludeRegex")
        self._excluded = [] if is_regex else [path.strip("/") for path in excluded]
        self._excluding = [_compiled(path) for path in excluded] if is_regex else []

    def covers(self, name: str) -> bool:
        if self._path is not None:
            inside = is_below(name, self._path)
        else:
            inside = self._pattern is not None and _matches(self._pattern, name)
        return inside and not self._excludes(name)

    def reaches(self, name: str) -> bool:
        near = self._path is None or is_below(name, self._path) or is_below(self._path, name)
        return near and not self._excludes(name)

    def _excludes(self, name: str) -> bool:
        return any(is_below(name, path) for path in self._excluded) or any(
            _matches(pattern, name) for pattern in self._excluding
        )


def is_below(name: str, path: str) -> bool:
    """Return whether *name* is *path* or something below it; the root has an empty path."""
    return not path or name == path or name.startswith(f"{path}/")


def _compiled(pattern: str) -> re.Pattern[str]:
    import re  # few trees have such a rule

    return re.compile(pattern)


def _matches(pattern: re.Pattern[str], name: str) -> bool:
    return any(
        pattern.fullmatch(path) or pattern.fullmatch(f"/{path}") for path in _with_parents(name)
    )


def _with_parents(name: str) -> Iterator[str]:
    yield name
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
