"""Tool ``get_file_change``."""

from __future__ import annotations

from agentbay._wire.tools.files import GetFileChange
from agentbay.local.tools.registry import Workplace, runs
from agentbay.local.tools.worker import call_worker
from agentbay.models.filesystem import FileChangeEvent

__all__ = ("settle_changes", "take_changes")


@runs(GetFileChange)
async def get_file_change(tool: GetFileChange, place: Workplace) -> str:
    """Return what changed since the last call for this path."""
    return GetFileChange.format(await take_changes(place, tool.path))


async def take_changes(place: Workplace, path: str, *, keep: bool = False) -> list[FileChangeEvent]:
    """Return what changed at and below *path* since it was last asked for, by whomever.

    Raises:
        ToolFailedError: It cannot be looked at.
    """
    reply = await call_worker(place, "get_file_change", {"path": path, "keep": keep})
    return [FileChangeEvent(**event) for event in reply.result["events"]]


async def settle_changes(place: Workplace, path: str, *, put_back: bool) -> None:
    """End the keeping of what was told, or let it be told again.

    Raises:
        ToolFailedError: The session has ended.
    """
    await call_worker(place, "settle_file_change", {"path": path, "put_back": put_back})
