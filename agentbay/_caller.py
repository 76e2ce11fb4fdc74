"""What a call on the loop thread and the thread that waits for it do for each other.

Objects of other libraries can belong to the thread that made them: a page of Playwright's blocking
API works there and nowhere else. The code that uses such an object is written once, for both
surfaces: on the asynchronous one it runs where it is, and on the blocking one in the thread of the
caller, which has nothing else to do.
"""

from __future__ import annotations

from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from agentbay._outcome import Outcome, await_outcome
from agentbay.errors import AgentBayError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ("Errands", "in_callers_thread", "undo_if_lost", "waiting_thread")

T = TypeVar("T")

SUSPENDED = (
    "an asynchronous object was given to a blocking client; use the asynchronous client with it"
)


class Errand(Generic[T]):
    """One piece of work, which is either done once or dropped."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.outcome: Outcome[T] = Outcome()
        self._work = work
        self._claim = Lock()

    def claim(self) -> bool:
        """Return whether the caller, and nobody else, decides what becomes of it."""
        return self._claim.acquire(blocking=False)

    def do(self) -> None:
        try:
            self.outcome.set_result(self._work())
        except Exception as exc:  # noqa: BLE001 - carried to whoever asked
            self.outcome.set_exception(exc)


class Errands:
    """What a waiting thread is asked to do.

    Attributes:
        arrival: Done when there is something to do.
        undo: Takes back what the call has made, if an interrupt keeps it from the thread.
    """

    def __init__(self) -> None:
        self.arrival: Outcome[None] = Outcome()
        self.undo: Callable[[], Coroutine[Any, Any, object]] | None = None
        self._lock = Lock()
        self._queued: list[Errand[Any]] = []

    def post(self, work: Callable[[], T]) -> Errand[T]:
        """Ask for *work* to be done."""
        errand = Errand(work)
        with self._lock:
            self._queued.append(errand)
            self.arrival.set_result(None)
        return errand

    def run(self) -> None:
        """Do what was asked, in the calling thread.

        An interruption of the program goes on from here: whoever asked is about to be cancelled.
        """
        with self._lock:
            queued, self._queued = self._queued, []
            self.arrival = Outcome()
        for errand in queued:
            if errand.claim():
                errand.do()


waiting_thread: ContextVar[Errands | None] = ContextVar("waiting_thread", default=None)
"""Who waits for the call that is being worked on; nobody on the asynchronous surface."""


def undo_if_lost(undo: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Have *undo* done if an interrupt keeps a blocking caller from getting the result.

    That comes as an exception in the caller's thread, where the result may be there already.
    """
    errands = waiting_thread.get()
    if errands is not None:
        errands.undo = undo


async def in_callers_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in the thread of a blocking caller, or just here when there is none.

    In that thread no event loop runs, so *work* must not wait for anything but what blocks.
    """
    errands = waiting_thread.get()
    if errands is None:
        return await work
    errand = errands.post(lambda: _finish(work))
    try:
        return await await_outcome(errand.outcome)
    finally:
        if errand.claim():
            work.close()  # it never began


def _finish(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    work.close()
    raise AgentBayError(SUSPENDED)
