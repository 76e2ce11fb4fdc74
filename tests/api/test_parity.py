"""Both surfaces have the same members with the same parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

import agentbay

PAIRS = [name for name in agentbay.__all__ if f"Async{name}" in agentbay.__all__]


def public(cls: type) -> dict[str, object]:
    return {
        name: inspect.getattr_static(cls, name)
        for name in dir(cls)
        if not name.startswith("_") and name not in dir(object)
    }


def function_of(member: object) -> Callable[..., object]:
    function = member.fget if isinstance(member, property) else member
    assert callable(function)
    return function


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
        mine, original = function_of(value), function_of(other)
        assert str(inspect.signature(mine)) == renamed(str(inspect.signature(original)))
        assert inspect.getdoc(mine) == renamed(inspect.getdoc(original) or "")
        is_twin = getattr(original, "awaitable_twin", False)
        assert inspect.iscoroutinefunction(mine) == is_twin
