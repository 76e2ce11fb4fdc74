"""Reading the JSON in a tool's text."""

from __future__ import annotations

from typing import Any, TypeVar

from agentbay._wire.codec import lenient_converter, load_json, structure
from agentbay.errors import ProtocolError

__all__ = ("load_bounded", "read_object", "read_objects")

T = TypeVar("T")

MAX_DEPTH = 100
"""How deep objects and arrays may be inside each other; readers and their users recurse."""
MAX_PARTS = 100_000
"""How many there may be; no screen has as many, and a reader would be busy with them for long."""


def load_bounded(text: str, *, max_depth: int = MAX_DEPTH) -> Any:
    """Parse *text*.

    Raises:
        ValueError: it is not JSON, or there are too many objects and arrays.
    """
    value = load_json(text)
    level, parts = [value], 0
    for _ in range(max_depth):
        level = [
            item
            for part in level
            if isinstance(part, dict | list)
            for item in (part.values() if isinstance(part, dict) else part)
            if isinstance(item, dict | list)
        ]
        parts += len(level)
        if parts > MAX_PARTS:
            raise ValueError(f"more than {MAX_PARTS} objects and arrays")
        if not level:
            return value
    raise ValueError(f"more than {max_depth} objects and arrays inside each other")


def read_objects(text: str, kind: type[T], what: str) -> list[T]:
    """Read the JSON array of *kind* in *text*; *what* begins the message of a failure.

    Raises:
        ValueError: it is not JSON.
        ProtocolError: it is something else than such an array.
    """
    found = load_bounded(text)
    if not isinstance(found, list):
        raise ProtocolError(f"{what} cannot be read: expected an array")
    # One by one: the first that is wrong is enough to know.
    return [
        structure(lenient_converter, item, kind, f"{what}: item {index}")
        for index, item in enumerate(found)
    ]


def read_object(text: str, kind: type[T], what: str) -> T:
    """Read the JSON object of *kind* in *text*; *what* begins the message of a failure.

    Raises:
        ValueError: it is not JSON.
        ProtocolError: it is something else than such an object.
    """
    found: T = structure(lenient_converter, load_bounded(text), kind, what)
    return found
