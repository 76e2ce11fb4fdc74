"""Act at the n-th suspension of an operation, whichever of its tasks is suspended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

__all__ = ("Injection",)


class _Driven(Coroutine[Any, Any, Any]):
    """Drives a coroutine, and says so each time that it gives control to its loop."""

    def __init__(self, driven: Coroutine[Any, Any, Any], on_suspend: Callable[[], object]) -> None:
        self._driven = driven
        self._on_suspend = on_suspend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driven, name)  # cr_frame and its like, at which anyio looks

    def __await__(self) -> Any:
        return self._driven.__await__()

    def send(self, value: Any) -> Any:
        future = self._driven.send(value)
        self._on_suspend()
        return future

    def throw(self, *error: Any) -> Any:
        future = self._driven.throw(*error)
        self._on_suspend()
        return future

    def close(self) -> None:
        self._driven.close()


class Injection:
    """Counts the suspensions of all tasks that begin while it is entered.

    Args:
        loop: Where they run; whoever enters in another thread makes sure that nothing runs there.
        act: Called at each of the *points*, within the task that is being suspended.
        points: Numbers of suspensions, the first is 1.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        act: Callable[[], object],
        points: Collection[int],
    ) -> None:
        self._loop = loop
        self._act = act
        self._points = points
        self._is_counting = False
        self.count = 0

    @property
    def reached(self) -> bool:
        """Whether the first of the points was."""
        return self.count >= min(self._points)

    def __enter__(self) -> Injection:
        self._former = self._loop.get_task_factory()
        self._loop.set_task_factory(self._begin)
        self._is_counting = True
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_counting = False
        self._loop.set_task_factory(self._former)

    def _begin(
        self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any
    ) -> asyncio.Task[Any]:
        return asyncio.Task(_Driven(work, self._suspended), loop=loop, **options)

    def _suspended(self) -> None:
        if self._is_counting:
            self.count += 1
            if self.count in self._points:
                self._act()
