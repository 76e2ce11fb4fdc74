"""Work for the thread that waits for a blocking call.

Objects of other libraries can belong to the thread that made them: a page of Playwright's blocking
API works there and nowhere else. The code that uses such an object is written once, for both
surfaces: on the asynchronous one it runs where it is, and on the blocking one in the thread of the
caller, which has nothing else to do.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from agentbay.errors import AgentBayError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ("Errands", "in_callers_thread", "waiting_thread")

T = TypeVar("T")

SUSPENDED = (
    "an asynchronous object was given to a blocking client; use the asynchronous client with it"
)


class Errands:
    """What a waiting thread is asked to do.

    Attributes:
        arrival: Done when there is something to do.
    """

    def __init__(self) -> None:
        self.arrival: Future[None] = Future()
        self._lock = Lock()
        self._queued: list[tuple[Callable[[], Any], Future[Any]]] = []

    def post(self, work: Callable[[], T]) -> Future[T]:
        """Ask for *work* to be done, and return what will hold its outcome."""
        outcome: Future[T] = Future()
        with self._lock:
            self._queued.append((work, outcome))
            if not self.arrival.done():
                self.arrival.set_result(None)
        return outcome

    def run(self) -> None:
        """Do what was asked, in the calling thread.

        An interruption of the program goes on from here: whoever asked is about to be cancelled.
        """
        with self._lock:
            queued, self._queued = self._queued, []
            self.arrival = Future()
        for work, outcome in queued:
            if outcome.set_running_or_notify_cancel():
                try:
                    outcome.set_result(work())
                except Exception as exc:  # noqa: BLE001 - carried to whoever asked
                    outcome.set_exception(exc)


waiting_thread: ContextVar[Errands | None] = ContextVar("waiting_thread", default=None)
"""Who waits for the call that is being worked on; nobody on the asynchronous surface."""


async def in_callers_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in the thread of a blocking caller, or just here when there is none.

    In that thread no event loop runs, so *work* must not wait for anything but what blocks.
    """
    errands = waiting_thread.get()
    if errands is None:
        return await work
    outcome = errands.post(lambda: _finish(work))
    try:
        return await asyncio.wrap_future(outcome)
    finally:
        if outcome.cancel():
            work.close()  # it never began


def _finish(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    work.close()
    raise AgentBayError(SUSPENDED)
