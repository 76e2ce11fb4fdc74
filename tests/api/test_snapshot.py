"""The public API with its signatures, as committed in ``public_api.txt``.

A change of the API is a change of that file: ``python -m tests.api.test_snapshot`` rewrites it.
"""

from __future__ import annotations

import enum
import inspect
import types
from collections.abc import Iterator
from pathlib import Path

import agentbay

SNAPSHOT = Path(__file__).with_name("public_api.txt")


def described() -> Iterator[str]:
    """Yield one line per public name and member, with its signature."""
    for name in agentbay.__all__:
        value = getattr(agentbay, name)
        # Python 3.10 takes the alias of a type for a class.
        if not inspect.isclass(value) or isinstance(value, types.GenericAlias):
            yield name
        elif issubclass(value, enum.Enum):
            yield f"{name}({', '.join(f'{member.name}={member.value!r}' for member in value)})"
        else:
            bases = ", ".join(base.__name__ for base in value.__bases__)
            yield f"{name}{signature(value)} < {bases}"
            yield from (f"{name}.{line}" for line in members(value))


def members(cls: type) -> Iterator[str]:
    """Yield the public members of *cls*, inherited ones of this package included."""
    for name in sorted(dir(cls)):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        if name.startswith("_") or not owner.__module__.startswith("agentbay"):
            continue
        value = inspect.getattr_static(cls, name)
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__
        if isinstance(value, property):
            returned = inspect.signature(value.fget).return_annotation if value.fget else ""
            yield f"{name}: {returned}"
        elif inspect.isfunction(value):
            kind = "async " if inspect.iscoroutinefunction(value) else ""
            yield f"{kind}{name}{signature(value)}"
        else:
            yield name


def signature(value: object) -> str:
    """Return the signature of *value*; exceptions of C have none."""
    try:
        return str(inspect.signature(value))  # type: ignore[arg-type]  # refused ones raise
    except ValueError:
        return "(...)"


def test_public_api_is_as_committed() -> None:
    committed = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    assert list(described()) == committed, "see the docstring of this module"


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(described()) + "\n", encoding="utf-8")
