"""Streams: bytes between the runtime and files of the sandbox, all in one thread.

The reading thread of the worker must never wait, so it only hands frames over. This thread
never waits for one stream either: it reads a file when the runtime has given credit, and what
it cannot write yet is kept, bounded by the credit that it has given itself.
"""

from __future__ import annotations

import errno
import os
import select
import sys
import threading
from abc import ABC, abstractmethod
from collections import deque

from .failures import CallError
from .frames import (
    CHUNK_BYTES,
    WINDOW_BYTES,
    Frame,
    FrameError,
    Kind,
    Receipts,
    credit_frame,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .calls import Sender, Settings

_MESSAGE_CHARACTERS = 8192


class Source(ABC):
    """What is at the sandbox's end of a stream: one file or socket, for both directions."""

    @abstractmethod
    def fileno(self) -> int:
        """Return the number of the non-blocking file; another one after `connected`, perhaps.

        Never the number of one that has been closed meanwhile.
        """

    @abstractmethod
    def connected(self) -> bool:
        """Go on with connecting when the file is ready; return whether that is done.

        Raises:
            CallError: It failed for good.
        """

    @abstractmethod
    def end_input(self) -> None:
        """Tell the other end that nothing more will be written."""

    def check_end(self) -> None:  # noqa: B027 - most files end just so
        """Do nothing if what was read is all there is.

        Raises:
            CallError: The file has ended, but not as it should; the stream breaks.
        """

    @abstractmethod
    def close(self, *, broken: bool) -> None:
        """Close the file; when *broken*, so that the other end does not take it for an end."""


class _Stream:
    """One stream and where it stands."""

    def __init__(self, number: int, source: Source, sender: Sender) -> None:
        self.number = number
        self.source = source
        self.fd = -1
        self.watched = 0
        self._sender = sender
        self._open = False
        self._credit = 0
        self._receipts = Receipts()
        self._unwritten: deque[memoryview] = deque()
        self._left = WINDOW_BYTES
        self._input_ended = False
        self._shut = False
        self._output_ended = False

    @property
    def done(self) -> bool:
        """Whether both directions have ended."""
        return self._shut and self._output_ended

    def interest(self) -> int:
        """Return the events that it waits for."""
        if not self._open:
            return select.EPOLLOUT
        events = 0
        if self._credit > 0 and not self._output_ended:
            events |= select.EPOLLIN
        if self._unwritten:
            events |= select.EPOLLOUT
        return events

    def take(self, frame: Frame) -> None:
        """Take in a frame of the runtime."""
        if frame.kind is Kind.CREDIT:
            self._credit += frame.amount("bytes")
        elif frame.kind is Kind.CLOSE:
            self._input_ended = True
        else:
            self._left -= len(frame.payload)
            if self._left < 0 or self._input_ended:
                raise FrameError("bytes beyond the credit or the end of a stream")
            if frame.payload:
                self._unwritten.append(memoryview(frame.payload))
        if self._open:
            self._write()

    def on_ready(self, events: int) -> None:
        """Do what the file is ready for."""
        if not self._open:
            self._open = self.source.connected()
            if not self._open:
                return
            self._sender.send([credit_frame(self.number, WINDOW_BYTES)])
            self._write()
        elif events & ~select.EPOLLOUT and self.interest() & select.EPOLLIN:
            self._read()
        if events & ~select.EPOLLIN:
            self._write()

    def _read(self) -> None:
        try:
            data = os.read(self.source.fileno(), min(CHUNK_BYTES, self._credit))
        except BlockingIOError:
            return
        self._credit -= len(data)
        if not data:
            self.source.check_end()
            self._output_ended = True
        self._sender.send([Frame(Kind.BYTES if data else Kind.CLOSE, self.number, None, data)])

    def _write(self) -> None:
        used = 0
        try:
            while self._unwritten:
                piece = self._unwritten[0]
                count = os.write(self.source.fileno(), piece)
                used += count
                if count < len(piece):
                    self._unwritten[0] = piece[count:]
                else:
                    self._unwritten.popleft()
        except BlockingIOError:
            pass
        if used and (credit := self._receipts.take(used)):
            self._left += credit
            self._sender.send([credit_frame(self.number, credit)])
        if self._input_ended and not self._unwritten and not self._shut:
            self._shut = True
            self.source.end_input()


class Streams:
    """All streams of the worker and the thread that serves them."""

    def __init__(
        self, sender: Sender, methods: dict[str, Callable[[dict[str, Any], Settings], Source]]
    ) -> None:
        self._sender = sender
        self._methods = methods
        self._settings: Settings | None = None
        self._inbox: deque[Frame] = deque()
        self._streams: dict[int, _Stream] = {}
        self._by_fd: dict[int, _Stream] = {}
        self._epoll = select.epoll()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, select.EPOLLIN)

    def start(self, settings: Settings) -> None:
        """Start the thread, before the sandbox can be out of threads."""
        self._settings = settings
        threading.Thread(target=self._run, daemon=True).start()

    def take(self, frame: Frame) -> None:
        """Hand over a frame of the runtime; never waits."""
        self._inbox.append(frame)
        os.eventfd_write(self._wake_fd, 1)

    def _run(self) -> None:
        try:
            while True:
                for fd, events in self._epoll.poll():
                    if fd == self._wake_fd:
                        os.eventfd_read(fd)
                        self._empty_inbox()
                    elif (stream := self._by_fd.get(fd)) is not None:
                        self._step(stream, stream.on_ready, events)
        except ConnectionError:
            return  # the runtime is gone; the reading thread ends this process

    def _empty_inbox(self) -> None:
        while self._inbox:
            frame = self._inbox.popleft()
            if frame.kind is Kind.OPEN:
                self._open(frame)
            elif (stream := self._streams.get(frame.call)) is None:
                continue  # ended while the frame was on the way
            elif frame.kind is Kind.RESET:
                self._drop(stream, broken=True)
            else:
                self._step(stream, stream.take, frame)

    def _open(self, frame: Frame) -> None:
        number = frame.call
        try:
            method = self._methods.get(frame.text("method"))
            if method is None or self._settings is None:
                raise CallError("unknown_method", f"No stream: {frame.text('method')}")
            source = method(frame.header.get("params", {}), self._settings)
        except Exception as exc:  # noqa: BLE001 - see _step
            self._send_reset(number, *_described(exc))
            return
        stream = _Stream(number, source, self._sender)
        self._streams[number] = stream
        self._step(stream)

    def _step(
        self, stream: _Stream, action: Callable[[Any], None] | None = None, argument: Any = None
    ) -> None:
        """Run one action of a stream; what goes wrong with it is the end of this one only."""
        try:
            if action is not None:
                action(argument)
            if stream.done:
                self._drop(stream, broken=False)
            else:
                self._watch(stream)
        except Exception as exc:  # noqa: BLE001 - one broken stream must not take the others along
            self._drop(stream, broken=True)
            self._send_reset(stream.number, *_described(_reason(stream.source, exc)))

    def _watch(self, stream: _Stream) -> None:
        """Wait for what the stream needs next; for nothing it must not be watched at all.

        An ended connection counts as an event for whoever watches it, whatever they ask for.
        """
        fd, events = stream.source.fileno(), stream.interest()
        if fd != stream.fd:
            # While it connects, a stream may have gone on to another socket, and closed this one.
            self._by_fd.pop(stream.fd, None)
            self._by_fd[fd] = stream
            stream.fd, stream.watched = fd, 0
        if events == stream.watched:
            return
        if not events:
            self._epoll.unregister(fd)
        elif stream.watched:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        stream.watched = events

    def _drop(self, stream: _Stream, *, broken: bool) -> None:
        del self._streams[stream.number]
        self._by_fd.pop(stream.fd, None)
        stream.source.close(broken=broken)

    def _send_reset(self, number: int, code: str, message: str) -> None:
        header = {"code": code, "message": message[:_MESSAGE_CHARACTERS]}
        self._sender.send([Frame(Kind.RESET, number, header)])


def _reason(source: Source, exc: Exception) -> Exception:
    """Return why the other end of *source* was closed, if that is known, rather than that it is."""
    try:
        source.check_end()
    except Exception as failure:  # noqa: BLE001 - it is what is asked for
        return failure
    return exc


def _described(exc: Exception) -> tuple[str, str]:
    """Return the code and the message that the runtime gets to see."""
    if isinstance(exc, CallError):
        return exc.code, exc.message
    if isinstance(exc, MemoryError):
        return "resource_limit", "The sandbox is at its limit of memory"
    if isinstance(exc, OSError):
        return "io_error", os.strerror(exc.errno or errno.EIO)
    sys.__excepthook__(type(exc), exc, exc.__traceback__)
    return "internal", f"A stream failed in the worker: {exc!r}"
