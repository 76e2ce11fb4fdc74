"""Both surfaces have the same members with the same parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest

import agentbay
from agentbay import _other_names

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
    """Return *text* as the blocking surface says it; callbacks and iterables block."""
    text = re.sub(r"(Iterable\[\w+\]) \| Async\1", r"\1", text)
    text = re.sub(r"(\w+) \| Awaitable\[\1\]", r"\1", text)
    text = re.sub(r"Awaitable\[(\w+)\](?: \| \1)?", r"\1", text)
    return text.replace("Async", "")


def test_every_asynchronous_class_has_a_blocking_one() -> None:
    assert PAIRS
    assert {f"Async{name}" for name in PAIRS} == {
        name
        for name in agentbay.__all__
        if name.startswith("Async") and name not in _other_names.__all__
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
