"""A small class with an async and a blocking side, made like those of the package."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import anyio
import attrs
from anyio import to_thread

from agentbay._caller import undo_if_lost
from agentbay._portal import Mirror

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import ContextVar
    from types import TracebackType

    Linger: TypeAlias = "Callable[[AsyncMachine], Awaitable[None]]"

T = TypeVar("T")


@attrs.define
class MachineResult:
    """A result that may carry a handle, on either surface."""

    success: bool
    machine: Any = attrs.field(default=None, metadata={"handle": True})


class AsyncMachine:
    """Does what tests need, and says so on standard output."""

    def __init__(self, name: str = "machine") -> None:
        self.name = name
        self._disk = AsyncDisk(self)
        self._present = 0
        self._all_present = anyio.Event()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def disk(self) -> AsyncDisk:
        return self._disk

    async def echo(self, value: T) -> T:
        await anyio.lowlevel.checkpoint()
        return value

    async def fail(self, error: BaseException) -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    async def fail_with(self, error: type[Exception]) -> None:
        raise error

    async def read(self, variable: ContextVar[str]) -> str:
        return variable.get()

    async def hang(self, when_hanging: Callable[[], object] = lambda: None) -> None:
        try:
            say("hanging")
            when_hanging()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            say("cleaned up")

    async def clean_up_forever(self, when_cleaning: Callable[[], object]) -> None:
        try:
            interrupt()
            await anyio.sleep_forever()
        finally:
            say("cleaning up")
            when_cleaning()
            with anyio.CancelScope(shield=True):
                await anyio.sleep_forever()

    async def clean_up_until_exit(self, when_cleaning: Callable[[], object]) -> None:
        try:
            interrupt()
            await anyio.sleep_forever()
        finally:
            say("cleaning up")
            when_cleaning()
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(threading.main_thread().join)
            say("cleaned up")

    async def make(self, when_making: Callable[[], object]) -> str:
        when_making()
        await anyio.lowlevel.checkpoint()
        undo_if_lost(self.unmake)
        return "made"

    async def unmake(self) -> None:
        await anyio.lowlevel.checkpoint()
        say("unmade")

    async def ignore_cancellation(self) -> None:
        say("ignoring")
        with anyio.CancelScope(shield=True):
            await anyio.sleep_forever()

    async def meet(self, count: int) -> int:
        """Return when *count* calls are under way at the same time."""
        self._present += 1
        if self._present == count:
            self._all_present.set()
        await self._all_present.wait()
        return self._present

    async def in_executor(self, function: Callable[[], T]) -> T:
        return await to_thread.run_sync(function)

    async def each(self, count: int, callback: Callable[[int], Awaitable[T]]) -> list[T]:
        return [await callback(number) for number in range(count)]

    def scope(self, *, hangs: bool = False, linger: Linger | None = None) -> AsyncScope:
        return AsyncScope(self, hangs=hangs, linger=linger)

    def countdown(self, start: int) -> AsyncCountdown:
        return AsyncCountdown(start)

    async def close(self) -> None:
        say("closed")


class AsyncDisk:
    def __init__(self, machine: AsyncMachine) -> None:
        self._machine = machine

    @property
    def machine(self) -> AsyncMachine:
        return self._machine


class AsyncScope:
    """Holds a task group open, which must be left by the task that entered it."""

    def __init__(self, machine: AsyncMachine, *, hangs: bool, linger: Linger | None) -> None:
        self._machine = machine
        self._hangs = hangs
        self._linger = linger

    async def __aenter__(self) -> AsyncMachine:
        if self._hangs:
            await self._machine.hang(interrupt)
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(anyio.sleep_forever)
        say("entered")
        if self._linger is not None:
            try:
                await self._linger(self._machine)
            except BaseException as exc:
                await self.__aexit__(type(exc), exc, None)
                raise
        return self._machine

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._group.cancel_scope.cancel()
        try:
            await self._group.__aexit__(None, None, None)
        finally:
            say("left", exc_type.__name__ if exc_type else None)
        return exc_type is LookupError


class AsyncCountdown:
    def __init__(self, start: int) -> None:
        self._next = start

    def __aiter__(self) -> AsyncCountdown:
        return self

    async def __anext__(self) -> int:
        if self._next == 0:
            raise StopAsyncIteration
        self._next -= 1
        return self._next + 1


class Machine(Mirror[AsyncMachine]):
    def __init__(self, name: str = "machine") -> None:
        super().__init__(AsyncMachine(name))

    @property
    def disk(self) -> Disk:
        return self._keep("disk", Disk._wrap(self._impl.disk))

    def echo(self, value: T) -> T:
        return self._run(self._impl.echo(value))

    async def echo_async(self, value: T) -> T:
        return await self._run_twin(self._impl.echo(value))

    def fail(self, error: BaseException) -> None:
        self._run(self._impl.fail(error))

    async def fail_async(self, error: BaseException) -> None:
        await self._run_twin(self._impl.fail(error))

    def fail_with(self, error: type[Exception]) -> None:
        self._run(self._impl.fail_with(error))

    def read(self, variable: ContextVar[str]) -> str:
        return self._run(self._impl.read(variable))

    def hang(self, when_hanging: Callable[[], object] = lambda: None) -> None:
        self._run(self._impl.hang(when_hanging))

    async def hang_async(self, when_hanging: Callable[[], object] = lambda: None) -> None:
        await self._run_twin(self._impl.hang(when_hanging))

    def clean_up_forever(self, when_cleaning: Callable[[], object]) -> None:
        self._run(self._impl.clean_up_forever(when_cleaning))

    def clean_up_until_exit(self, when_cleaning: Callable[[], object]) -> None:
        self._run(self._impl.clean_up_until_exit(when_cleaning))

    def make(self, when_making: Callable[[], object] = lambda: None) -> str:
        return self._run(self._impl.make(when_making))

    def ignore_cancellation(self) -> None:
        self._run(self._impl.ignore_cancellation())

    def meet(self, count: int) -> int:
        return self._run(self._impl.meet(count))

    def in_executor(self, function: Callable[[], T]) -> T:
        return self._run(self._impl.in_executor(function))

    def each(self, count: int, callback: Callable[[int], T]) -> list[T]:
        return self._run(self._impl.each(count, self._callback(callback)))

    def scope(self, *, hangs: bool = False, linger: Linger | None = None) -> Scope:
        return Scope._wrap(self._impl.scope(hangs=hangs, linger=linger))

    def countdown(self, start: int) -> Countdown:
        return Countdown._wrap(self._impl.countdown(start))

    def close(self) -> None:
        self._run(self._impl.close())


class Disk(Mirror[AsyncDisk]):
    @property
    def machine(self) -> Machine:
        return self._keep("machine", Machine._wrap(self._impl.machine))


class Scope(Mirror[AsyncScope]):
    def __enter__(self) -> Machine:
        return Machine._wrap(self._enter(self._impl))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return bool(self._exit(exc_type, exc, traceback))


class Countdown(Mirror[AsyncCountdown]):
    def __iter__(self) -> Countdown:
        return Countdown._wrap(self._impl.__aiter__())

    def __next__(self) -> int:
        return self._next(self._impl.__anext__())


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def interrupt() -> None:
    """Do what Ctrl-C does: a signal to the process, which its main thread handles."""
    os.kill(os.getpid(), signal.SIGINT)
