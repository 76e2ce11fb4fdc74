"""Progress of a transfer, where somebody can see it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

__all__ = ("shown_progress",)


@contextlib.contextmanager
def shown_progress(label: str, total: int | None) -> Iterator[Callable[[int], None] | None]:
    """Yield what to call with the bytes so far; nothing when standard error is no terminal.

    Args:
        label: What is being transferred.
        total: Its size, where that is known.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda size: progress.update(task, completed=size)
