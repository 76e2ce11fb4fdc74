"""The runtime inside the user's own program, for ``endpoint="local"``.

One per process, on a daemon thread with an event loop of its own, so it neither depends on the
caller's loop nor keeps the program from ending. It ends with the interpreter, and with it every
session and file. A forked child starts its own and leaves the parent's alone.

Environment: ``AGENTBAY_LOCAL_ISOLATION`` (``bubblewrap``, ``none``),
``AGENTBAY_LOCAL_NETWORK`` (``nat``, ``host``, ``none``) and ``AGENTBAY_LOCAL_DATA_DIR``.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import threading
from concurrent.futures import Future, wait
from typing import Any, get_args

import anyio.to_thread
from attrs import field, frozen

from agentbay.local.failures import LocalRuntimeError
from agentbay.local.runtime import IsolationName, LocalRuntime, NetworkName

__all__ = ("EmbeddedTarget", "start_embedded")

logger = logging.getLogger(__name__)

_START_SECONDS = 60.0
_EXIT_SECONDS = 15.0


@frozen
class EmbeddedTarget:
    """Where the embedded runtime is, and the key that it wants."""

    endpoint: str
    api_key: str = field(repr=False)


class _Embedded:
    """The runtime's thread; used once."""

    def __init__(self, runtime: LocalRuntime) -> None:
        self._runtime = runtime
        self._target: Future[EmbeddedTarget] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="agentbay-local", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread.is_alive()

    def start(self) -> EmbeddedTarget:
        """Start, and wait until clients can connect."""
        self._thread.start()
        try:
            wait([self._target], _START_SECONDS)
            if not self._target.done():
                raise LocalRuntimeError(f"It was not ready within {_START_SECONDS:g} seconds")
            return self._target.result()
        except BaseException:
            self.stop(_EXIT_SECONDS)
            raise

    @property
    def target(self) -> EmbeddedTarget:
        """Where it is, once it has started."""
        return self._target.result(0)

    def stop(self, deadline: float) -> None:
        """End it, and wait at most *deadline* seconds for that."""
        if self._thread.is_alive():
            # The loop is closed a moment before its thread is gone.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(deadline)
            if self._thread.is_alive():
                logger.error("The local runtime did not stop within %g s", deadline)

    def abandon(self) -> None:
        """Let go of what a forked child inherited."""
        self._runtime.abandon()

    def _run(self) -> None:
        # Not asyncio.run(), which starts a thread to end its pool of threads.
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as exc:
            if self._target.done():
                logger.exception("The local runtime ended with an error")
            else:
                self._target.set_exception(exc)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with self._runtime as runtime:
            self._target.set_result(EmbeddedTarget(runtime.endpoint, runtime.api_key))
            await self._stop.wait()
            # While the interpreter ends, no new thread can be started (3.12 and later). One
            # idle worker thread is always there; with a single token all work goes to that one.
            anyio.to_thread.current_default_thread_limiter().total_tokens = 1
            runtime.hurry()


class _Process:
    """What this process has started."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.embedded: _Embedded | None = None


_process = _Process()
_inherited: list[_Process] = []
"""The parents' parts, never touched again; kept, so that nothing is finalised in the child."""


def start_embedded() -> EmbeddedTarget:
    """Return the embedded runtime of this process, which is started by the first call.

    Blocks, also other callers, until it is ready. After a failure the next call tries again.

    Raises:
        LocalRuntimeError: It cannot be started.
        SandboxError: Sandboxes cannot be made on this machine.
    """
    with _process.lock:
        current = _process.embedded
        if current is None or not current.running:
            current = _Embedded(_configured())
            target = current.start()
            _process.embedded = current
            return target
        return current.target


def _configured() -> LocalRuntime:
    return LocalRuntime(
        data_dir=os.environ.get("AGENTBAY_LOCAL_DATA_DIR") or None,
        isolation=_setting("AGENTBAY_LOCAL_ISOLATION", "bubblewrap", get_args(IsolationName)),
        network=_setting("AGENTBAY_LOCAL_NETWORK", "nat", get_args(NetworkName)),
    )


def _setting(variable: str, default: str, allowed: tuple[str, ...]) -> Any:
    value = os.environ.get(variable) or default
    if value not in allowed:
        raise LocalRuntimeError(f"{variable} is {value!r}; it must be one of {', '.join(allowed)}")
    return value


def _stop_at_exit() -> None:
    if _process.embedded is not None:
        _process.embedded.stop(_EXIT_SECONDS)


def _start_afresh_in_child() -> None:
    global _process  # noqa: PLW0603 - the one way to leave a lock behind that may be held
    if _process.embedded is not None:
        _process.embedded.abandon()
    _inherited.append(_process)
    _process = _Process()


atexit.register(_stop_at_exit)
os.register_at_fork(after_in_child=_start_afresh_in_child)
