"""The thread of ``watch_directory``, the same on both surfaces."""

from __future__ import annotations

import inspect
import logging
import threading
from typing import TYPE_CHECKING

from agentbay._async._change_feed import ChangeFeed
from agentbay._async._file_changes import was_last
from agentbay._transport.private_loop import PrivateLoop
from agentbay.models.filesystem import WatchThread

if TYPE_CHECKING:
    from agentbay._async.session import AsyncSession
    from agentbay.models.filesystem import FileChangeCallback, FileChangeResult

__all__ = ("DirectoryThread",)

logger = logging.getLogger("agentbay.files")

# How long the event that stops the thread may wait to be seen while changes are pushed.
_WAIT_SECONDS = 0.5


class DirectoryThread(WatchThread):
    """Looks at a directory again and again.

    It has an event loop of its own, which stands still while the callback runs: so the callback
    may make blocking calls, and a program may wait for the thread from wherever it likes.
    """

    def __init__(
        self,
        session: AsyncSession,
        path: str,
        callback: FileChangeCallback,
        interval: float,
        stop_event: threading.Event | None,
    ) -> None:
        if inspect.iscoroutinefunction(callback):
            raise TypeError(
                "The callback of watch_directory runs in a thread and cannot be a coroutine "
                "function; use watch() to await changes"
            )
        name = f"DirectoryWatcher-{path.replace('/', '_')}"
        super().__init__(target=self._watch, name=name, daemon=True)
        self.stop_event = stop_event if stop_event is not None else threading.Event()
        self.ready_event = threading.Event()
        self._session = session
        self._path = path
        self._callback = callback
        self._interval = interval
        self._told = ""

    def _watch(self) -> None:
        with PrivateLoop() as loop:
            feed = ChangeFeed(self._session, self._path)
            try:
                result = loop.run(feed.start())
                self._note(result)
                self.ready_event.set()
                while not was_last(result) and not self._is_over(feed):
                    looking = feed.wait(_WAIT_SECONDS) if feed.is_pushed() else feed.ask()
                    result = loop.run(looking)
                    self._note(result)
                    if result.events:
                        self._deliver(result)
            finally:
                self.ready_event.set()
                loop.run(feed.close())

    def _is_over(self, feed: ChangeFeed) -> bool:
        return self.stop_event.wait(0 if feed.is_pushed() else self._interval)

    def _note(self, result: FileChangeResult) -> None:
        problem, self._told = self._told, result.error_message
        if not result.success and problem != self._told:
            logger.warning(
                "Cannot look at a watched directory of session %s: %s",
                self._session.session_id,
                result.error_message,
            )

    def _deliver(self, result: FileChangeResult) -> None:
        try:
            self._callback(result.events)
        except Exception:
            logger.exception("The callback of %s failed", self.name)
