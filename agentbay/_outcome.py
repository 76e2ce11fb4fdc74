"""What a call brings, for a thread that waits for it and may be interrupted at any moment.

A ``concurrent.futures.Future`` will not do. It has a ``threading.Condition``, and Ctrl-C may leave
the Python code of that with its lock held forever, or given back twice. The threads that wait here
hold nothing but locks written in C, which are taken and given back as a whole.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ("Outcome", "await_outcome", "wait_for_any")

T = TypeVar("T")


class Outcome(Generic[T]):
    """A value or an exception, once there is one; the first stays."""

    def __init__(self) -> None:
        # Reentrant: a signal handler may make a blocking call while its thread holds the lock.
        self._lock = threading.RLock()
        self._values: list[T] = []
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], object]] = []

    def done(self) -> bool:
        return bool(self._values) or self._error is not None

    def has_value(self) -> bool:
        return bool(self._values)

    def set_result(self, value: T) -> None:
        with self._lock:
            if not self.done():
                self._values.append(value)
        self._tell()

    def set_exception(self, error: BaseException) -> None:
        with self._lock:
            if not self.done():
                self._error = error
        self._tell()

    def result(self) -> T:
        """Return the value, or raise the exception; one of them must be there."""
        try:
            if self._error is not None:
                raise self._error
            return self._values[0]
        finally:
            del self  # the traceback of the exception refers to this frame

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call *callback* in the thread that sets the outcome; at once if that has happened."""
        with self._lock:
            self._callbacks.append(callback)
        if self.done():
            self._tell()

    def _tell(self) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


def wait_for_any(outcomes: Iterable[Outcome[Any]], timeout: float | None = None) -> None:
    """Block until one of *outcomes* is there, or *timeout* seconds have passed."""
    gate = threading.Lock()
    gate.acquire()

    def open_gate() -> None:
        with suppress(RuntimeError):  # it is open
            gate.release()

    for outcome in outcomes:
        outcome.when_done(open_gate)
    gate.acquire(timeout=-1 if timeout is None else timeout)


async def await_outcome(outcome: Outcome[T]) -> T:
    """Return the value of *outcome*, or raise its exception, once it is there."""
    loop, is_there = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(is_there.set)

    outcome.when_done(wake)
    await is_there.wait()
    return outcome.result()
