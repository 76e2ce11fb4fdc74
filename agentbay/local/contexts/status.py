"""How the transfers of one session stand, as its clients follow them."""

from __future__ import annotations

import time
from enum import Enum

from attrs import define, field

from agentbay._wire.actions.contexts import ContextStatusItem
from agentbay.local.contexts.keys import parse_folder

__all__ = ("Board", "Direction", "Progress", "TransferStatus")

_MAX_FINISHED = 1000


class Direction(Enum):
    """Which way files go."""

    UPLOAD = "upload"
    """From the session into the context."""
    DOWNLOAD = "download"


class Progress(Enum):
    """How far a transfer is, in the spelling of the wire."""

    PREPARING = "Preparing"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILED = "Failed"


@define(eq=False, kw_only=True)
class TransferStatus:
    """One transfer, or the latest of the same kind."""

    context_id: str
    path: str
    direction: Direction
    progress: Progress = Progress.PREPARING
    started_at: float = field(factory=time.time)
    finished_at: float | None = None
    error: str = ""

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.finished_at is not None

    def begin(self) -> None:
        """Note that it runs."""
        self.progress = Progress.RUNNING

    def finish(self, error: str = "") -> None:
        """Note that it has ended: well, or with an error."""
        self.progress = Progress.FAILED if error else Progress.SUCCESS
        self.error = error
        self.finished_at = time.time()

    def item(self) -> ContextStatusItem:
        """Return it as clients see it; times are seconds."""
        return ContextStatusItem(
            context_id=self.context_id,
            path=self.path,
            task_type=self.direction.value,
            status=self.progress.value,
            error_message=self.error,
            start_time=int(self.started_at),
            finish_time=int(self.finished_at or 0),
        )


class Board:
    """The latest transfer of each context, path and direction; bounded."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str, Direction], TransferStatus] = {}

    def waiting(self, context_id: str, path: str, direction: Direction) -> TransferStatus | None:
        """Return the transfer of this kind that has not begun yet."""
        found = self._latest.get((context_id, path, direction))
        return found if found is not None and found.progress is Progress.PREPARING else None

    def post(self, context_id: str, path: str, direction: Direction) -> TransferStatus:
        """Return the status of a new transfer, which takes the place of an earlier one."""
        status = TransferStatus(context_id=context_id, path=path, direction=direction)
        self._latest.pop((context_id, path, direction), None)
        self._latest[context_id, path, direction] = status
        finished = [key for key, found in self._latest.items() if found.is_final]
        for key in finished[: max(len(finished) - _MAX_FINISHED, 0)]:
            del self._latest[key]
        return status

    def items(
        self, context_id: str | None, path: str | None, direction: str | None
    ) -> list[ContextStatusItem]:
        """Return those that match, oldest first; the path may be spelled in another way."""
        wanted = parse_folder(path, "Path") if path else None
        return [
            status.item()
            for status in self._latest.values()
            if (not context_id or status.context_id == context_id)
            and (wanted is None or parse_folder(status.path, "Path") == wanted)
            and (not direction or status.direction.value == direction)
        ]
