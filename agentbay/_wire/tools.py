"""The tools of a session: name, server, arguments, and what their answers mean.

Each class is one tool; its fields are the arguments. The client builds calls and reads answers
with it, the local runtime checks arguments and writes answers with it, and the tool list that
sessions announce is derived from it. Adding a tool is adding a class.
"""

from __future__ import annotations

import inspect
import json
import types
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import field, frozen, validators

from agentbay._wire.actions import ToolListing
from agentbay._wire.codec import (
    WireObject,
    lenient_converter,
    strict_converter,
    structure,
    wire_name,
)

__all__ = (
    "TIMEOUT_MARK",
    "TOOLS",
    "CreateDirectory",
    "DirectoryLine",
    "GetFileInfo",
    "GetMetrics",
    "ListDirectory",
    "ReadFile",
    "Shell",
    "ShellAnswer",
    "Tool",
    "ToolText",
    "WriteFile",
    "tool_error",
    "tool_text",
)


@frozen
class ToolText:
    """What a tool's text means to a reader.

    Attributes:
        success: Whether the tool did what was asked.
        data: Its readable output.
        error_message: Why it failed.
    """

    success: bool
    data: str = ""
    error_message: str = ""


@frozen(kw_only=True)
class Tool(WireObject):
    """Base of all tools.

    Attributes:
        tool_name: The tool's name on the wire.
        server: The MCP server that owns it.
    """

    pascal_case = False
    tool_name: ClassVar[str] = ""
    server: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.tool_name:
            TOOLS[cls.tool_name] = cls

    @classmethod
    def argument_names(cls) -> dict[str, str]:
        """Return the wire name of each field."""
        return {field.name: wire_name(cls, field.name) for field in attrs.fields(cls)}

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the call, without those left at ``None``."""
        names = self.argument_names()
        values = {names[field]: getattr(self, field) for field in names}
        return {
            name: lenient_converter.unstructure(value)
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Tool:
        """Check *arguments* and return the call they make.

        Raises:
            ProtocolError: one is missing, unknown or of the wrong type.
        """
        tool: Tool = structure(
            strict_converter, arguments, cls, f"The arguments of tool {cls.tool_name}"
        )
        return tool

    @classmethod
    def listing(cls) -> ToolListing:
        """Return the entry of this tool in a tool list."""
        description = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
        return ToolListing(
            name=cls.tool_name,
            server=cls.server,
            description=" ".join(description.split()),
            input_schema=_json_schema(cls),
            tool=cls.tool_name,
        )

    @classmethod
    def read_text(cls, text: str, *, is_error: bool) -> ToolText:
        """Return what the tool's *text* means."""
        if is_error:
            return ToolText(success=False, error_message=text)
        return ToolText(success=True, data=text)


TOOLS: dict[str, type[Tool]] = {}
"""Every tool by its name."""


def tool_text(name: str, text: str, *, is_error: bool) -> ToolText:
    """Return what the text of tool *name* means, also for tools that are not described here."""
    return TOOLS.get(name, Tool).read_text(text, is_error=is_error)


def tool_error(code: int, message: str) -> str:
    """Return the text of a failed tool in the form of the service."""
    return f"Execution failed. Error code:{code} Error message: {message}"


TIMEOUT_MARK = "[timeout]"
"""How services say that a command was stopped by its time limit."""


@frozen
class ShellAnswer:
    """The outcome of one command, read from or written as the text of tool ``shell``.

    Attributes:
        wrapped: Whether the text was the JSON form, which tells the streams apart.
        reason: Why the command was stopped, when it did not end by itself.
    """

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    trace_id: str = ""
    reason: str = ""
    wrapped: bool = True

    @property
    def timed_out(self) -> bool:
        """Whether the command's time limit stopped it."""
        if self.wrapped:
            return self.reason.startswith(TIMEOUT_MARK)
        return self.stdout == tool_error(-1, TIMEOUT_MARK)

    @classmethod
    def from_text(cls, text: str) -> ShellAnswer:
        """Read *text*; anything but the JSON form is standard output as it stands."""
        raw = cls(stdout=text, wrapped=False)
        try:
            found = json.loads(text)
        except ValueError:
            return raw
        if not isinstance(found, dict):
            return raw
        exit_code = found.get("exit_code")
        has_code = isinstance(exit_code, int) and not isinstance(exit_code, bool)
        streams = [isinstance(found.get(name), str) for name in ("stdout", "stderr")]
        if not (all(streams) or (has_code and any(streams))):
            return raw
        error_code = found.get("errorCode")
        if not has_code:
            exit_code = error_code if isinstance(error_code, int) else 0
        texts = {name: found.get(name) for name in ("stdout", "stderr", "traceId", "message")}
        texts = {name: text if isinstance(text, str) else "" for name, text in texts.items()}
        return cls(
            int(exit_code or 0),
            texts["stdout"] or "",
            texts["stderr"] or "",
            texts["traceId"] or "",
            texts["message"] or "",
        )

    def to_text(self) -> str:
        """Return the JSON form; both streams are always there, which readers rely on."""
        streams = {"stdout": self.stdout, "stderr": self.stderr}
        if self.exit_code == 0 and not self.reason:
            return json.dumps({"exit_code": 0, **streams}, ensure_ascii=False)
        failed: dict[str, Any] = {"errorCode": self.exit_code, **streams}
        if self.reason:
            failed["message"] = self.reason
        return json.dumps(failed | {"traceId": self.trace_id}, ensure_ascii=False)


@frozen(kw_only=True)
class Shell(Tool):
    """Run a command with sh and return its exit status and both output streams."""

    tool_name = "shell"
    server = "wuying_shell"

    command: str
    timeout_ms: int = field(default=1000, validator=validators.gt(0))
    cwd: str | None = None
    envs: dict[str, str] | None = None

    @classmethod
    def read_text(cls, text: str, *, is_error: bool) -> ToolText:
        """Return the command's standard output, or why it failed."""
        answer = ShellAnswer.from_text(text)
        if not answer.wrapped:
            return super().read_text(text, is_error=is_error)
        if is_error or answer.exit_code:
            reason = answer.reason or answer.stderr
            fallback = text if is_error else f"exit status {answer.exit_code}"
            return ToolText(success=False, error_message=reason or fallback)
        return ToolText(success=True, data=answer.stdout)


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
class GetMetrics(Tool):
    """Return how much processor, memory, disk and network a session uses, as a JSON object."""

    tool_name = "get_metrics"
    server = "wuying_system"


def _fact(value: str) -> bool | int | float | str:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


_JSON_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _json_schema(cls: type[Tool]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    names = cls.argument_names()
    properties: dict[str, Any] = {}
    required = []
    for argument in attrs.fields(cls):
        schema = _type_schema(hints[argument.name])
        if argument.default is attrs.NOTHING:
            required.append(names[argument.name])
        elif argument.default is not None:
            schema["default"] = argument.default
        properties[names[argument.name]] = schema
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _type_schema(hint: Any) -> dict[str, Any]:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (kind,) = (part for part in parts if part is not type(None))
        return _type_schema(kind)
    if origin is Literal:
        return {"type": "string", "enum": list(parts)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type_schema(parts[1])}
    if origin in (list, tuple):
        return {"type": "array", "items": _type_schema(parts[0])}
    return {"type": _JSON_TYPES[hint]}
