"""Blocking calls of coroutines, and the base class of the generated mirrors.

All blocking calls of a process run as tasks of one loop in one daemon thread. Not as those of an
anyio ``BlockingPortal``: it cannot be interrupted while a task or a context manager starts, dies of
a ``SystemExit``, and blocks a foreign loop meanwhile.
"""

from __future__ import annotations

import asyncio
import builtins
import sys
import warnings
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar

from agentbay import _loop_thread
from agentbay._caller import Errands, waiting_thread
from agentbay._outcome import Outcome, await_outcome, wait_for_any
from agentbay.errors import BlockingCallWarning, ClientClosedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
    from contextlib import AbstractAsyncContextManager

    import anyio

    from agentbay._loop_thread import LoopThread

__all__ = ("Mirror", "run", "run_awaitable")

P = ParamSpec("P")
T = TypeVar("T")
ImplT = TypeVar("ImplT")
MirrorT = TypeVar("MirrorT", bound="Mirror[Any]")

_OWN_LOOP = "blocking call from the loop that has to serve it; use the async client here"
_FOREIGN_LOOP = "blocking call in a running event loop, which it stops; use the async client here"
_POLL_INTERVAL = 0.1 if sys.platform == "win32" else None  # untimed, it would ignore Ctrl-C there


def _check_caller(thread: LoopThread) -> None:
    """Refuse a call that would wait for itself, warn of one that stops another loop."""
    if thread.is_current():
        raise ClientClosedError(_OWN_LOOP)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    if "greenlet" in sys.modules and asyncio.current_task() is None:
        return  # Playwright's blocking API keeps a loop in a greenlet aside, for just itself
    if hasattr(builtins, "__IPYTHON__"):  # a notebook has nothing else to do meanwhile
        return
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] == "agentbay":
        level, frame = level + 1, frame.f_back
    warnings.warn(_FOREIGN_LOOP, BlockingCallWarning, stacklevel=level)


class _CallbackAbortedError(Exception):
    """A ``SystemExit`` or the like of a callback; as itself it would stop the loop."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


class _Call(Generic[T]):
    """One coroutine on the loop thread; ``outcome`` is set when its clean-up, too, has ended."""

    def __init__(self, coro: Coroutine[Any, Any, T], *, attended: bool = False) -> None:
        self.outcome: Outcome[T] = Outcome()
        self._errands = Errands()
        self._attended = attended
        self._coro = coro
        self.thread: LoopThread | None = None
        self.on_cancel: Callable[[], object] | None = None
        self._task: asyncio.Task[None] | None = None
        self._scope: anyio.CancelScope | None = None

    def submit(self, *, blocking: bool = True) -> None:
        thread = _loop_thread.running()
        if blocking:
            _check_caller(thread)
        self.thread = thread
        if not thread.post(partial(self._start, thread)):
            raise ClientClosedError("the loop of the blocking clients is closed")

    def cancel(self) -> None:
        if self.thread is None or not self.thread.post(self.cancel_here):
            self._settle()  # if it has begun, the loop cancels it

    def cancel_here(self) -> None:
        if self.on_cancel is not None:
            self.on_cancel()
        elif self._scope is not None:
            self._scope.cancel()  # unlike Task.cancel() it respects shields
        else:
            self.cancel_task()  # it has not begun
        self._settle()

    def cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def wait(self, *sooner: Outcome[Any]) -> None:
        """Block until the outcome or one of *sooner* is there; interrupted, cancel the call."""
        try:
            if self.thread is None:
                self.submit()
            ends, errands = {self.outcome, *sooner}, self._errands
            while not any(end.done() for end in ends):
                wait_for_any({*ends, errands.arrival}, _POLL_INTERVAL)
                errands.run()
        except BaseException:
            if not self.outcome.done():
                self.cancel()
                wait_for_any([self.outcome], timeout=_loop_thread.GRACE)
            raise

    def take_back(self) -> None:
        """Undo what the call makes, or has made: nobody will get it."""
        is_failed = self.outcome.done() and not self.outcome.has_value()
        if self.thread is not None and not is_failed:
            self.thread.post(partial(self.outcome.when_done, self._take_back_here))

    def _take_back_here(self) -> None:
        undo, self._errands.undo = self._errands.undo, None
        if undo is not None and self.outcome.has_value() and self.thread is not None:
            _Call(undo())._start(self.thread)

    def _start(self, thread: LoopThread) -> None:
        if not self.outcome.done():
            self._task = thread.loop.create_task(self._contain())
            thread.calls[self._task] = self
            self._task.add_done_callback(thread.calls.pop)
            self._task.add_done_callback(self._settle)

    def _settle(self, task: asyncio.Task[None] | None = None) -> None:
        """See to an outcome when *task* was cancelled, or when there will be none."""
        if (task or self._task is None) and not self.outcome.done():
            self._coro.close()  # otherwise, if it never ran: "coroutine was never awaited"
            self.outcome.set_exception(ClientClosedError("the call was cancelled before it ended"))

    async def _contain(self) -> None:
        import anyio

        if self._attended:
            waiting_thread.set(self._errands)
        try:
            with anyio.CancelScope() as self._scope:
                self.outcome.set_result(await self._coro)
        except asyncio.CancelledError:
            raise
        except _CallbackAbortedError as exc:
            self.outcome.set_exception(exc.reason)
        except BaseException as exc:  # noqa: BLE001 - KeyboardInterrupt would stop the loop thread
            self.outcome.set_exception(exc)
        finally:
            del self  # the traceback of the exception refers to this frame


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run *coro* on the loop thread and block until it has ended.

    Ctrl-C cancels the coroutine and gives its clean-up a moment before KeyboardInterrupt goes on.
    """
    call = _Call(coro, attended=True)
    try:
        call.wait()
        return call.outcome.result()
    except BaseException:
        call.take_back()
        raise
    finally:
        del call  # the traceback of the exception refers to this frame


async def run_awaitable(coro: Coroutine[Any, Any, T]) -> T:
    """Run *coro* on the loop thread and await its outcome on the caller's loop.

    Cancellation of the caller cancels *coro* and waits for its clean-up.
    """
    import anyio

    if _loop_thread.current is not None and _loop_thread.current.is_current():
        return await coro
    call = _Call(coro)
    try:
        call.submit(blocking=False)
        return await await_outcome(call.outcome)
    except BaseException as exc:
        if not call.outcome.done():
            call.cancel()
            if isinstance(exc, asyncio.CancelledError):
                with (
                    anyio.move_on_after(_loop_thread.GRACE, shield=True),
                    suppress(ClientClosedError),
                ):
                    await await_outcome(call.outcome)
        raise
    finally:
        del call


class _HeldManager(Generic[T]):
    """An async context manager held by one task, as task groups demand, so also left at exit."""

    def __init__(self, manager: AbstractAsyncContextManager[T, bool | None]) -> None:
        self._manager = manager
        self._entered: Outcome[T] = Outcome()
        self._leaving = asyncio.Event()
        self._exc_info: tuple[Any, Any, Any] = (None, None, None)
        self._call = _Call(self._hold())

    def enter(self) -> T:
        self._call.wait(self._entered)
        if not self._entered.done():
            self._call.outcome.result()
        return self._entered.result()

    def begin_leaving(self, *exc_info: Any) -> LoopThread | None:
        """Let it be left, if it is entered here or about to be; interrupts have to wait for that.

        Otherwise a second Ctrl-C right after the first would keep sessions from being deleted.
        """
        thread = self._thread_that_holds()
        if thread is None:
            return None
        interrupt: KeyboardInterrupt | None = None
        begun = False
        while not begun:
            try:
                self._exc_info = exc_info or self._exc_info
                thread.post(self._leaving.set)
                begun = True
            except KeyboardInterrupt as exc:
                interrupt = exc
        if interrupt is not None:
            raise interrupt
        return thread

    def leave(self, *exc_info: Any) -> bool | None:
        thread = self.begin_leaving(*exc_info)
        if thread is None:
            return None
        _check_caller(thread)
        self._call.wait()
        return self._call.outcome.result()

    def abandon(self) -> None:
        """Let a manager that warns when it is dropped do so: nobody is there to leave it.

        It is held nevertheless, and left at exit.
        """
        warn = getattr(self._manager, "_warn_if_entered", None)
        if warn is not None and self._thread_that_holds() is not None:
            warn()

    def _thread_that_holds(self) -> LoopThread | None:
        thread = self._call.thread
        if thread is not _loop_thread.current or self._call.outcome.done():
            return None  # entered before a fork by the parent, or left when the loop stopped
        return thread

    async def _hold(self) -> bool | None:
        # Not by a scope, which may cancel later than asked: when this is entered, not to be left.
        self._call.on_cancel = self._call.cancel_task
        self._entered.set_result(await self._manager.__aenter__())
        self._call.on_cancel = self._leaving.set
        await self._leaving.wait()
        self._call.on_cancel = None
        return await self._manager.__aexit__(*self._exc_info)


# By the id of the implementation, which lives as long as its mirror.
_mirrors: weakref.WeakValueDictionary[int, Mirror[Any]] = weakref.WeakValueDictionary()


class Mirror(Generic[ImplT]):
    """Base of the blocking classes: a thin view of one object of the async surface.

    An implementation has one mirror, for as long as anything refers to that mirror.
    """

    _run, _run_twin = staticmethod(run), staticmethod(run_awaitable)

    def __init__(self, impl: ImplT) -> None:
        self._impl = impl
        self._kept: dict[str, object] = {}
        self._held: list[tuple[_HeldManager[Any], weakref.finalize[..., Any]]] = []
        _mirrors[id(impl)] = self

    def __repr__(self) -> str:
        return repr(self._impl).replace(type(self._impl).__name__, type(self).__name__, 1)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is a live handle: it cannot be copied or pickled")

    @classmethod
    def _wrap(cls: type[MirrorT], impl: ImplT) -> MirrorT:
        with _loop_thread.lock:
            mirror = _mirrors.get(id(impl))
            if not isinstance(mirror, cls):
                mirror = cls.__new__(cls)
                Mirror.__init__(mirror, impl)
            return mirror

    @classmethod
    def _wrap_optional(cls: type[MirrorT], impl: ImplT | None) -> MirrorT | None:
        return None if impl is None else cls._wrap(impl)

    @classmethod
    def _wrap_result(cls, result: Any) -> Any:
        """Return *result* with its handle wrapped; its model marks the field as ``handle``."""
        import attrs

        handles = {
            field.alias: cls._wrap_optional(getattr(result, field.name))
            for field in attrs.fields(type(result))
            if field.metadata.get("handle")
        }
        return attrs.evolve(result, **handles)

    def _keep(self, name: str, child: T) -> T:
        """Keep the mirror of a child handle, so that ``session.files is session.files``."""
        self._kept[name] = child
        return child

    @staticmethod
    def _next(coro: Coroutine[Any, Any, T]) -> T:
        try:
            return run(coro)
        except StopAsyncIteration:
            raise StopIteration from None

    def _enter(self, manager: AbstractAsyncContextManager[T, bool | None]) -> T:
        held = _HeldManager(manager)
        try:
            value = held.enter()
            dropped = weakref.finalize(self, held.abandon)
            dropped.atexit = False
            self._held.append((held, dropped))
        except BaseException:
            held.begin_leaving()  # an interrupt may have come right after it was entered
            raise
        return value

    def _exit(self, *exc_info: object) -> bool | None:
        held, dropped = self._held[-1]
        try:
            return held.leave(*exc_info)
        except BaseException:
            held.begin_leaving()  # an interrupt may have come right before
            raise
        finally:
            dropped.detach()
            self._held.pop()

    @staticmethod
    async def _iterable(items: Iterable[T]) -> AsyncIterator[T]:
        """Make *items* asynchronous: each is made in a worker thread, which may block."""
        end: Any = object()
        make = Mirror._callback(partial(next, iter(items), end))
        while (item := await make()) is not end:
            yield item

    @staticmethod
    def _callback(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
        """Make *function* awaitable: it runs in a worker thread and may make blocking calls."""

        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            import anyio
            from anyio import to_thread

            def contained() -> T:
                try:
                    return function(*args, **kwargs)
                except Exception:
                    raise
                except BaseException as exc:
                    raise _CallbackAbortedError(exc) from exc

            # A shared limiter could be used up by callbacks that wait for each other. A thread
            # cannot be cancelled, so a cancelled caller does not wait for it.
            limiter = anyio.CapacityLimiter(1)
            return await to_thread.run_sync(contained, limiter=limiter, abandon_on_cancel=True)

        return call
