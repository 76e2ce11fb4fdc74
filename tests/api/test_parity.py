"""Both surfaces have the same members with the same parameters."""

from __future__ import annotations

import inspect

import pytest

import agentbay

PAIRS = [name for name in agentbay.__all__ if f"Async{name}" in agentbay.__all__]


def public(cls: type) -> dict[str, object]:
    return {
        name: inspect.getattr_static(cls, name)
        for name in dir(cls)
        if not name.startswith("_") and name not in dir(object)
    }


def renamed(text: str) -> str:
    return text.replace("Async", "")


def test_every_asynchronous_class_has_a_blocking_one() -> None:
    assert PAIRS
    assert {f"Async{name}" for name in PAIRS} == {
        name for name in agentbay.__all__ if name.startswith("Async")
    }


@pytest.mark.parametrize("name", PAIRS)
def test_members_agree(name: str) -> None:
    blocking, asynchronous = getattr(agentbay, name), getattr(agentbay, f"Async{name}")
    ours, theirs = public(blocking), public(asynchronous)
    assert set(ours) == set(theirs)
    for member, value in ours.items():
        other = theirs[member]
        assert isinstance(value, property) == isinstance(other, property)
        if isinstance(value, property) and isinstance(other, property):
            value, other = value.fget, other.fget
        assert callable(value)
        assert callable(other)
        assert str(inspect.signature(value)) == renamed(str(inspect.signature(other)))
        assert inspect.getdoc(value) == renamed(inspect.getdoc(other) or "")
        assert not inspect.iscoroutinefunction(value)
