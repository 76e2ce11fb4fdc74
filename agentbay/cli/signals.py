"""Signals end the command in order: what was created is removed first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import TypeVar

import anyio

from agentbay.cli.output import note

__all__ = ("Signals", "signals")

T = TypeVar("T")

_ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# What shells report for a program that a signal ended: 130 for Ctrl-C, 143 for SIGTERM.
_EXIT_BASE = 128


class Signals:
    """Turns SIGINT, SIGTERM and SIGHUP into an exit with code 128 plus the signal's number.

    Inside :meth:`run` the first one cancels what runs there, whose clean-up is waited for. A
    second one does not wait: it has its default effect.
    """

    def __init__(self) -> None:
        self._cancel: Callable[[], object] | None = None
        self._first: signal.Signals | None = None

    def install(self) -> None:
        """Handle the signals from now on, except those that the parent wants ignored."""
        for signum in _ENDING:
            if signal.getsignal(signum) is not signal.SIG_IGN:  # as nohup does
                signal.signal(signum, self._handle)

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """Run *main* in an event loop and return what it returns.

        Raises:
            SystemExit: a signal arrived; the clean-up is done.
        """
        return anyio.run(self._supervise, main)

    async def _supervise(self, main: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        outcome: list[T] = []
        with anyio.CancelScope() as scope:
            # The handler runs between two instructions of anything: it only leaves a message.
            self._cancel = lambda: loop.call_soon_threadsafe(self._begin_end, scope)
            try:
                outcome.append(await main())
            finally:
                self._cancel = None
        if self._first is not None:
            raise SystemExit(_EXIT_BASE + self._first)
        return outcome[0]

    def _begin_end(self, scope: anyio.CancelScope) -> None:
        if self._first is not None:
            note(f"{self._first.name}: cleaning up; once more to quit at once")
        scope.cancel()

    def _handle(self, signum: int, _: FrameType | None) -> None:
        if self._cancel is None:
            raise SystemExit(_EXIT_BASE + signum)
        if self._first is not None:
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        self._first = signal.Signals(signum)
        self._cancel()


signals = Signals()
"""The ones of this process."""
