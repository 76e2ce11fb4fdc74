"""What a tool is: name, server, arguments, and what its answers mean."""

from __future__ import annotations

import inspect
import types
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from agentbay._wire.actions.tools import ToolListing
from agentbay._wire.codec import (
    WireObject,
    lenient_converter,
    strict_converter,
    structure,
    wire_name,
)

__all__ = ("TOOLS", "Tool", "ToolText", "tool_error")


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
        return _wire_names(cls)

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
"""The tools that were imported, by name; all of them are in the catalogue."""


def tool_error(code: int, message: str) -> str:
    """Return the text of a failed tool in the form of the service."""
    return f"Execution failed. Error code:{code} Error message: {message}"


def _wire_names(cls: Any) -> dict[str, str]:
    return {field.name: wire_name(cls, field.name) for field in attrs.fields(cls)}


_JSON_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _json_schema(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    names = _wire_names(cls)
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
    if isinstance(hint, type) and issubclass(hint, WireObject):
        return _json_schema(hint)
    return {"type": _JSON_TYPES[hint]}
