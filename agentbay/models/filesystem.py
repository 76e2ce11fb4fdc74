"""Files: contents and listings."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from agentbay.errors import FileError
from agentbay.models.results import ApiResponse, Outcome

__all__ = ("DirectoryEntry", "DirectoryListResult", "FileContentResult")


@frozen
class DirectoryEntry:
    """One name in a directory; ``entry["name"]`` and ``entry["isDirectory"]`` work as well.

    Attributes:
        name: The name, without its directory.
        is_directory: Whether it is a directory.
        is_file: Whether it is anything else.
    """

    name: str
    is_directory: bool = False

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
class FileContentResult(ApiResponse, Outcome):
    """The text of one file."""

    error_class = FileError

    success: bool = False
    content: str = ""
    error_message: str = ""

    def unwrap(self) -> str:
        """Return the text, or raise the error of a failed result."""
        self.raise_for_error()
        return self.content


@define
class DirectoryListResult(ApiResponse, Outcome):
    """What a directory contains."""

    error_class = FileError

    success: bool = False
    entries: list[DirectoryEntry] = field(factory=list)
    error_message: str = ""

    def unwrap(self) -> list[DirectoryEntry]:
        """Return the entries, or raise the error of a failed result."""
        self.raise_for_error()
        return self.entries
