"""Files: contents, facts, listings, searches and changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define, field, frozen

from agentbay.errors import AgentBayError, FileError, RemoteFileNotFoundError
from agentbay.models.results import ApiResponse, Outcome

__all__ = (
    "BinaryFileContentResult",
    "DirectoryEntry",
    "DirectoryListResult",
    "FileChangeCallback",
    "FileChangeEvent",
    "FileChangeResult",
    "FileContentResult",
    "FileInfoResult",
    "FileSearchResult",
    "MultipleFileContentResult",
    "WatchThread",
)

ResultT = TypeVar("ResultT", bound="_FileOutcome")


class _FileOutcome(ApiResponse, Outcome):
    """Base of the results about files."""

    error_class = FileError

    @classmethod
    def failure(
        cls: type[ResultT], message: str, cause: BaseException | None = None, **fields: Any
    ) -> ResultT:
        """Return the failed result for *message*; ``unwrap()`` tells what is missing apart."""
        if not isinstance(cause, AgentBayError) and "no such file or directory" in message.lower():
            cause = RemoteFileNotFoundError(message)
        return super().failure(message, cause, **fields)


@frozen
class DirectoryEntry:
    """One name in a directory; ``entry["name"]`` and ``entry["isDirectory"]`` work as well.

    Attributes:
        name: The name, without its directory.
        is_directory: Whether it is a directory.
        is_file: Whether it is anything else.
        size: Size in bytes; 0 in listings, which do not tell.
    """

    name: str
    is_directory: bool = False
    size: int = 0

    @property
    def is_file(self) -> bool:
        """Whether it is anything but a directory."""
        return not self.is_directory

    def __getitem__(self, key: str) -> Any:
        try:
            return {"name": self.name, "isDirectory": self.is_directory, "isFile": self.is_file}[
                key
            ]
        except KeyError:
            raise KeyError(f"{key!r}; an entry has name, isDirectory and isFile") from None


@define
class FileContentResult(_FileOutcome):
    """The text of one file."""

    success: bool = False
    content: str = ""
    error_message: str = ""

    def unwrap(self) -> str:
        """Return the text, or raise the error of a failed result."""
        self.raise_for_error()
        return self.content


@define
class BinaryFileContentResult(_FileOutcome):
    """The bytes of one file.

    Attributes:
        content_type: Never known.
        size: Number of bytes; ``None`` when they could not be read.
    """

    success: bool = False
    content: bytes = field(default=b"", repr=False)
    error_message: str = ""
    content_type: str | None = None
    size: int | None = None

    def unwrap(self) -> bytes:
        """Return the bytes, or raise the error of a failed result."""
        self.raise_for_error()
        return self.content


@define
class FileInfoResult(_FileOutcome):
    """What a path leads to.

    Attributes:
        file_info: Every fact that the service told. What looks like a number is one: a file
            named ``2024`` has the name 2024, and mode 0644 is the number 644.
    """

    success: bool = False
    file_info: dict[str, Any] = field(factory=dict)
    error_message: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return bool(self.file_info.get("isFile", False))

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return bool(self.file_info.get("isDirectory", False))

    @property
    def size(self) -> int:
        """Size in bytes."""
        size = self.file_info.get("size", 0)
        return size if isinstance(size, int) else 0

    @property
    def permissions(self) -> str:
        """The mode in octal digits, for example ``644``."""
        return str(self.file_info.get("permissions", ""))

    def unwrap(self) -> dict[str, Any]:
        """Return the facts, or raise the error of a failed result."""
        self.raise_for_error()
        return self.file_info


@define
class DirectoryListResult(_FileOutcome):
    """What a directory contains."""

    success: bool = False
    entries: list[DirectoryEntry] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[DirectoryEntry]:
        """Return the entries, or raise the error of a failed result."""
        self.raise_for_error()
        return self.entries


@define
class MultipleFileContentResult(_FileOutcome):
    """The texts of several files by their paths."""

    success: bool = False
    contents: dict[str, str] = field(factory=dict)
    error_message: str = ""

    def unwrap(self) -> dict[str, str]:
        """Return the texts, or raise the error of a failed result."""
        self.raise_for_error()
        return self.contents


@define
class FileSearchResult(_FileOutcome):
    """The paths that a search found."""

    success: bool = False
    matches: list[str] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[str]:
        """Return the paths, or raise the error of a failed result."""
        self.raise_for_error()
        return self.matches


@frozen
class FileChangeEvent:
    """One change in a watched directory.

    Attributes:
        event_type: ``create``, ``modify`` or ``delete``.
        path: What changed, as an absolute path.
        path_type: ``file`` or ``directory``.
    """

    event_type: str = ""
    path: str = ""
    path_type: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the event in the spelling of the service."""
        return {"eventType": self.event_type, "path": self.path, "pathType": self.path_type}


FileChangeCallback = Callable[[list[FileChangeEvent]], object]
"""What ``watch_directory`` calls, in its thread, with the events of one look at a directory."""


class WatchThread(threading.Thread):
    """The thread of ``watch_directory``.

    Attributes:
        stop_event: Ends the thread when it is set.
        ready_event: Set once changes from then on are seen.
    """

    stop_event: threading.Event
    ready_event: threading.Event


@define
class FileChangeResult(_FileOutcome):
    """What changed since the last look.

    Attributes:
        raw_data: The untouched answer of the service.
    """

    success: bool = False
    events: list[FileChangeEvent] = field(factory=list)
    raw_data: str = field(default="", repr=False)
    error_message: str = ""

    def has_changes(self) -> bool:
        """Return whether anything changed."""
        return bool(self.events)

    def get_modified_files(self) -> list[str]:
        """Return the paths of files that were modified."""
        return self._paths("modify")

    def get_created_files(self) -> list[str]:
        """Return the paths of files that were created."""
        return self._paths("create")

    def get_deleted_files(self) -> list[str]:
        """Return the paths of files that were deleted."""
        return self._paths("delete")

    def _paths(self, event_type: str) -> list[str]:
        wanted = (event_type, "file")
        return [e.path for e in self.events if (e.event_type, e.path_type) == wanted]

    def unwrap(self) -> list[FileChangeEvent]:
        """Return the events, or raise the error of a failed result."""
        self.raise_for_error()
        return self.events
