"""Marks for the generator of the blocking mirror; calls are not affected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def awaitable_twin(function: FunctionT) -> FunctionT:
    """Keep a coroutine method awaitable on the blocking surface, from any event loop."""
    function.__dict__["awaitable_twin"] = True
    return function


def async_only(reason: str) -> Callable[[FunctionT], FunctionT]:
    """Leave a method out of the blocking surface.

    Args:
        reason: Why it means nothing there.
    """

    def mark(function: FunctionT) -> FunctionT:
        function.__dict__["async_only"] = reason
        return function

    return mark
