"""The one thread and loop behind the blocking surface: its start, its end, and what a fork does."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from agentbay.errors import ClientClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("GRACE", "LoopThread", "current", "lock", "running")

P = ParamSpec("P")
T = TypeVar("T")

GRACE = 5.0  # seconds that a cancelled coroutine gets for its clean-up, after Ctrl-C and at exit


class Cancellable(Protocol):
    """What runs on the loop and is cancelled when it stops."""

    def cancel_here(self) -> None: ...


class _Executor(ThreadPoolExecutor):
    """Takes work also while the interpreter exits, when pools of threads refuse it.

    Clean-up at exit may need a connection, and so the look-up of a host name. That then blocks
    the loop, which has nothing else to do but other clean-up.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            done: Future[T] = Future()
            try:
                done.set_result(fn(*args, **kwargs))
            except Exception as exc:  # noqa: BLE001 - carried to whoever waits
                done.set_exception(exc)
            return done


class LoopThread:
    """A daemon thread that runs one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(_Executor(thread_name_prefix="asyncio"))
        self.closed = False
        self.calls: dict[asyncio.Task[None], Cancellable] = {}
        self._stopping = asyncio.Event()
        # Reentrant: a signal handler may make a blocking call while this thread holds it.
        self._lock = threading.RLock()
        main = partial(Context().run, self._main)  # 3.14 may pass on the starter's context
        self._thread = threading.Thread(target=main, name="agentbay-loop", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as exc:
            self.loop.close()
            raise ClientClosedError(f"cannot start the loop thread: {exc}") from exc

    def is_current(self) -> bool:
        return threading.get_ident() == self._thread.ident

    def post(self, callback: Callable[[], object]) -> bool:
        """Run *callback* in the loop, unless it is closed; what is posted before a stop runs."""
        with self._lock:
            if not self.closed:
                self.loop.call_soon_threadsafe(callback)
            return not self.closed

    def stop(self) -> None:
        """Cancel what still runs and give its clean-up a moment."""
        with self._lock:
            self.post(self._stopping.set)
            self.closed = True
        self._thread.join(GRACE)

    def _main(self) -> None:
        try:
            self.loop.run_until_complete(self._stopping.wait())
        finally:
            with self._lock:
                self.closed = True
            self.loop.run_until_complete(self._cancel_remaining())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            # asyncio.run() would start a thread to shut the default executor down, which
            # Python 3.12 forbids at exit. close() lets the idle threads of the executor go.
            self.loop.close()

    async def _cancel_remaining(self) -> None:
        for call in self.calls.values():
            call.cancel_here()
        if self.calls:
            await asyncio.wait([*self.calls])
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


# Both are replaced in a forked child. The lock is reentrant for the same reason as above.
lock = threading.RLock()
current: LoopThread | None = None
_exiting = False
# Inherited through fork and never closed: that would reach into the parent's, for they share epoll.
_parked: list[LoopThread] = []


def running() -> LoopThread:
    """Return the thread of this process, which is started for its first use.

    Raises:
        ClientClosedError: the interpreter exits.
    """
    global current  # noqa: PLW0603 - one per process
    with lock:
        if current is None or current.closed:
            if _exiting:
                raise ClientClosedError("blocking call while the interpreter exits")
            current = LoopThread()
        return current


def _stop_at_exit() -> None:
    global _exiting  # noqa: PLW0603 - one per process
    _exiting = True
    if current is not None:
        current.stop()


def _start_fresh_after_fork() -> None:
    global lock, current  # noqa: PLW0603 - one per process
    lock = threading.RLock()
    if current is not None:
        _parked.append(current)
        current = None


# At import, so that exit handlers of the program run earlier and can still make blocking calls.
atexit.register(_stop_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_fresh_after_fork)
