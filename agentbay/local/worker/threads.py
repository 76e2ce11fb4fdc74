"""Threads for calls, and turns for sending."""

from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_STACK_BYTES = 1024 * 1024
_IDLE_SECONDS = 30.0


class NoThreadError(Exception):
    """The sandbox may not have another thread at the moment."""


class ThreadPool:
    """Runs jobs in threads that are started on demand, reused, and given back when idle."""

    def __init__(self, most: int, spare: int) -> None:
        self._most = most
        self._spare = spare
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def start(self) -> None:
        """Start the spare threads, which stay even when the sandbox may have no more."""
        threading.stack_size(_STACK_BYTES)
        with self._changed:
            for _ in range(self._spare):
                self._start_thread()

    def submit(self, job: Callable[[], None]) -> None:
        """Run *job* in an idle thread, a new one, or the next to become free at the maximum.

        Raises:
            NoThreadError: None is idle and the system refuses a new one.
        """
        with self._changed:
            if self._idle <= len(self._jobs) and self._threads < self._most:
                self._start_thread()
            self._jobs.append(job)
            self._changed.notify()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            raise NoThreadError("can't start new thread") from exc
        self._threads += 1
        self._idle += 1

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            job()
            with self._changed:
                self._idle += 1

    def _next_job(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._jobs:
                notified = self._changed.wait(_IDLE_SECONDS)
                if not notified and not self._jobs and self._threads > self._spare:
                    self._threads -= 1
                    self._idle -= 1
                    return None
            self._idle -= 1
            return self._jobs.popleft()


class TurnLock:
    """A lock that is handed over in the order of arrival.

    With a plain lock the thread that sends a long answer gets it back again and again, and
    short answers wait for the end of it.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False
