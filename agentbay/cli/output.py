"""What the command prints: results on standard output, everything else on standard error.

A reader that went away (``agentbay ... | head -1``) ends the command with exit code 1 and without
a word; any other failure to write is reported. Nothing of it is a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

import anyio
from rich.console import Console
from rich.text import Text

__all__ = (
    "log_to_stderr",
    "note",
    "print_json",
    "print_line",
    "write",
    "write_bytes",
    "write_live",
)


def note(message: str) -> None:
    """Say something on standard error that is not a result."""
    # None: the descriptor is closed. Nobody can be told there, nor of a failure to write there.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"agentbay: {message}", file=sys.stderr, flush=True)


def print_line(text: Text | str = "") -> None:
    """Print one line of a result, coloured on a terminal and never wrapped by us."""
    with _reported(sys.stdout) as stream:
        console = Console(file=stream, highlight=False, markup=False, emoji=False)
        console.print(text, soft_wrap=True)
        stream.flush()


def print_json(value: Any) -> None:
    """Print a result for programs."""
    write(sys.stdout, json.dumps(value, indent=2) + "\n")


def write(stream: TextIO | None, text: str) -> None:
    """Write *text* as UTF-8, whole and unchanged, whatever the locale says.

    Args:
        stream: ``sys.stdout`` or ``sys.stderr``; None when its descriptor is closed.
        text: What to write; it adds no line end.
    """
    if text:
        write_bytes(stream, text.encode("utf-8", "replace"))


def write_bytes(stream: TextIO | None, data: bytes) -> None:
    """Write *data*, whole and unchanged.

    Args:
        stream: ``sys.stdout`` or ``sys.stderr``; None when its descriptor is closed.
        data: What to write.
    """
    with _reported(stream) as opened:
        opened.flush()
        _write_all(opened.fileno(), data)


async def write_live(stream: TextIO | None, text: str) -> None:
    """Write *text* like `write`, while other tasks go on as long as the reader is slow.

    Args:
        stream: ``sys.stdout`` or ``sys.stderr``; None when its descriptor is closed.
        text: What to write.
    """
    if not text:
        return
    with _reported(stream) as opened:
        opened.flush()
        rest = memoryview(text.encode("utf-8", "replace"))
        while rest:
            await _writable(opened.fileno())
            with contextlib.suppress(BlockingIOError):  # somebody else has filled it meanwhile
                rest = rest[os.write(opened.fileno(), rest[: select.PIPE_BUF]) :]


async def _writable(fd: int) -> None:
    """Return once so much can be written that the system promises not to block."""
    try:
        await anyio.wait_writable(fd)
    except PermissionError:
        return  # a file: it is never waited for


def log_to_stderr(level: str) -> None:
    """Show the log messages of the package on standard error, from *level* upwards."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("agentbay")
    logger.addHandler(handler)
    logger.setLevel(level.upper())


def _write_all(fd: int, data: bytes) -> None:
    # Not the stream's own buffer: with PYTHONUNBUFFERED its write() may be a partial one, and it
    # cannot wait for a reader where the parent has made the descriptor non-blocking.
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])


@contextlib.contextmanager
def _reported(stream: TextIO | None) -> Iterator[TextIO]:
    """Turn a failure to write to *stream* into the end of the command."""
    try:
        if stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        yield stream
    except OSError as exc:
        _give_up(stream, exc)


def _give_up(stream: TextIO | None, error: OSError) -> NoReturn:
    if stream is not None:
        # What is left in the buffers must not fail once more when the interpreter exits.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    if error.errno != errno.EPIPE:
        note(f"cannot write the output: {error.strerror}")
    raise SystemExit(1) from None
