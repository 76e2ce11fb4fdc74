"""The tools that work on files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen, validators

from agentbay._wire.codec import WireObject
from agentbay._wire.tools.base import Tool
from agentbay.models.filesystem import FileChangeEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = (
    "CreateDirectory",
    "DeleteFile",
    "DirectoryLine",
    "Edit",
    "EditFile",
    "GetFileChange",
    "GetFileInfo",
    "ListDirectory",
    "MoveFile",
    "ReadFile",
    "ReadMultipleFiles",
    "SearchFiles",
    "WriteFile",
)


@frozen(kw_only=True)
class FileTool(Tool):
    """Base of the tools that work on files."""

    server = "wuying_filesystem"


@frozen(kw_only=True)
class ReadFile(FileTool):
    """Return a file's text, or its bytes in base64. Offset and length count bytes."""

    tool_name = "read_file"

    path: str
    offset: int = field(default=0, validator=validators.ge(0))
    length: int = field(default=0, validator=validators.ge(0))
    """0 means to the end of the file."""
    format: Literal["text", "binary"] | None = None


@frozen(kw_only=True)
class WriteFile(FileTool):
    """Write text to a file, creating it and its parent directories."""

    tool_name = "write_file"

    path: str
    content: str = field(repr=False)
    mode: Literal["overwrite", "append"] = "overwrite"


@frozen(kw_only=True)
class CreateDirectory(FileTool):
    """Create a directory and its parents; an existing one is fine."""

    tool_name = "create_directory"

    path: str


@frozen
class DirectoryLine:
    """One line of the answer of tool ``list_directory``: ``[DIR] name`` or ``[FILE] name``."""

    name: str
    is_directory: bool

    def __str__(self) -> str:
        return f"[{'DIR' if self.is_directory else 'FILE'}] {self.name}"

    @classmethod
    def parse(cls, line: str) -> DirectoryLine | None:
        """Read one line; ``None`` for anything else."""
        stripped = line.strip()
        for marker, is_directory in (("[DIR]", True), ("[FILE]", False)):
            if stripped.startswith(marker):
                return cls(stripped.removeprefix(marker).strip(), is_directory)
        return None


@frozen(kw_only=True)
class ListDirectory(FileTool):
    """List the names in a directory, one per line, marked [DIR] or [FILE]."""

    tool_name = "list_directory"

    path: str


@frozen(kw_only=True)
class GetFileInfo(FileTool):
    """Describe a file or directory, one fact per line as name: value."""

    tool_name = "get_file_info"

    path: str

    @staticmethod
    def parse(text: str) -> dict[str, Any]:
        """Return the facts in *text*: booleans and numbers are converted, the rest is text."""
        facts: dict[str, Any] = {}
        for line in text.split("\n"):
            name, colon, value = line.partition(":")
            if colon:
                facts[name.strip()] = _fact(value.strip())
        return facts

    @staticmethod
    def format(facts: dict[str, Any]) -> str:
        """Return *facts* as text; the reverse of :meth:`parse`."""
        return "\n".join(
            f"{name}: {str(value).lower() if isinstance(value, bool) else value}"
            for name, value in facts.items()
        )


@frozen(kw_only=True)
class DeleteFile(FileTool):
    """Delete a file, a symbolic link or an empty directory."""

    tool_name = "delete_file"

    path: str


@frozen(kw_only=True)
class MoveFile(FileTool):
    """Move or rename a file or directory; a file at the destination is replaced."""

    tool_name = "move_file"

    source: str
    destination: str


@frozen
class Edit(WireObject):
    """One replacement in a text."""

    pascal_case = False
    wire_names = {"old_text": "oldText", "new_text": "newText"}

    old_text: str = field(repr=False)
    new_text: str = field(repr=False)


@frozen(kw_only=True)
class EditFile(FileTool):
    """Replace the first match of each old text, in order, and show what changes."""

    tool_name = "edit_file"
    wire_names = {"dry_run": "dryRun"}

    path: str
    edits: list[Edit]
    dry_run: bool = False
    """Change nothing."""


@frozen(kw_only=True)
class ReadMultipleFiles(FileTool):
    """Return the texts of several files, each below its path."""

    tool_name = "read_multiple_files"

    paths: list[str]

    @staticmethod
    def parse(text: str) -> dict[str, str]:
        """Return the text of each path.

        White space around a file's text is lost, and a line ``---`` inside of it ends it: the
        form of the answer has no way to tell.
        """
        contents: dict[str, str] = {}
        path, lines = None, [""]
        for line in [*text.split("\n"), "---"]:
            if path is None:
                start, colon, rest = line.partition(":")
                if colon:
                    path, lines = start, [rest.strip()] if rest.strip() else []
            elif line.strip() == "---":
                contents[path] = "\n".join(lines).strip()
                path = None
            else:
                lines.append(line)
        return contents

    @staticmethod
    def format(blocks: Iterable[str]) -> str:
        """Return one text made of *blocks*; the reverse of :meth:`parse`."""
        return "\n---\n".join(blocks)

    @staticmethod
    def block(path: str, text: str) -> str:
        """Return the part of the answer for one file."""
        return f"{path}:\n{text}\n"

    @staticmethod
    def failed_block(path: str, reason: str) -> str:
        """Return the part of the answer for a file that cannot be read."""
        return f"{path}: Error - {reason}"


@frozen(kw_only=True)
class SearchFiles(FileTool):
    """Find files and directories below a path by their names, where * and ? are wildcards."""

    tool_name = "search_files"
    wire_names = {"exclude_patterns": "excludePatterns"}

    NOTHING = "No matches found"

    path: str
    pattern: str
    exclude_patterns: str | None = None
    """Names to leave out, with all that is below them; separated by commas."""

    @classmethod
    def parse(cls, text: str) -> list[str]:
        """Return the paths in *text*."""
        lines = text.strip().split("\n") if text else []
        return [] if lines == [cls.NOTHING] else lines

    @classmethod
    def format(cls, paths: Iterable[str]) -> str:
        """Return *paths* as text; the reverse of :meth:`parse`."""
        return "\n".join(paths) or cls.NOTHING


@frozen(kw_only=True)
class GetFileChange(FileTool):
    """Return what changed below a path since the last call for it; the first returns nothing."""

    tool_name = "get_file_change"

    path: str

    @staticmethod
    def parse(text: str) -> list[FileChangeEvent]:
        """Return the changes in *text*, a JSON array; whatever else it says is none."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return []
        return GetFileChange.read(found)

    @staticmethod
    def read(found: object) -> list[FileChangeEvent]:
        """Return the changes in an array of objects; whatever else there is is none."""
        items = found if isinstance(found, list) else []
        return [_change(item) for item in items if isinstance(item, dict)]

    @staticmethod
    def format(events: Iterable[FileChangeEvent]) -> str:
        """Return *events* as text; the reverse of :meth:`parse`."""
        return json.dumps([event.to_dict() for event in events], ensure_ascii=False)


def _change(item: Mapping[str, Any]) -> FileChangeEvent:
    values = (item.get(key, "") for key in ("eventType", "path", "pathType"))
    return FileChangeEvent(*(value if isinstance(value, str) else "" for value in values))


def _fact(value: str) -> bool | int | float | str:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value
