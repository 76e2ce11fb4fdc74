"""The tools that work on files."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen, validators

from agentbay._wire.tools.base import Tool

__all__ = (
    "CreateDirectory",
    "DirectoryLine",
    "GetFileInfo",
    "ListDirectory",
    "ReadFile",
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


def _fact(value: str) -> bool | int | float | str:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value
