"""Tools: which there are, and calling one through the API."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen

from agentbay._wire.codec import JsonText, WireObject
from agentbay._wire.request import Request, SuccessRule

__all__ = (
    "CallMcpTool",
    "ListMcpTools",
    "ToolListing",
    "ToolPayload",
)


@frozen(kw_only=True)
class ToolListing(WireObject):
    """One tool in ``ToolList`` and in the reply to ``ListMcpTools``."""

    pascal_case = False
    wire_names = {"input_schema": "inputSchema"}
    also_read = {
        "Name": "name",
        "serverName": "server",
        "Server": "server",
        "input_schema": "inputSchema",
    }

    name: str = ""
    server: str = ""
    description: str = ""
    input_schema: dict[str, Any] = field(factory=dict)
    tool: str = ""


@frozen(kw_only=True)
class ToolPayload(WireObject):
    """A tool's answer, on every route; only the first piece of its content counts."""

    pascal_case = False
    wire_names = {"is_error": "isError"}

    content: tuple[Any, ...] = ()
    is_error: bool = False

    @classmethod
    def of_text(cls, text: str, *, is_error: bool = False) -> ToolPayload:
        """Return the payload that carries *text*."""
        return cls(content=({"type": "text", "text": text},), is_error=is_error)

    @property
    def text(self) -> str:
        """The first piece: itself when it is a string, else its text, blob or data."""
        first = self.content[0] if self.content else ""
        if isinstance(first, str):
            return first
        if not isinstance(first, dict):
            return ""
        forms = (first.get(form) for form in ("text", "blob", "data"))
        return next((form for form in forms if isinstance(form, str) and form), "")


@frozen(kw_only=True)
class CallMcpTool(Request[ToolPayload]):
    """Call a tool of a session."""

    idempotent: ClassVar[bool] = False
    data_type: ClassVar[Any] = ToolPayload
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE
    json_text = {"args": JsonText.SPACED}

    session_id: str
    name: str
    args: dict[str, Any] = field(factory=dict, repr=False)
    server: str = ""
    auto_gen_session: bool = False
    external_user_id: str | None = None
    image_id: str | None = None
    tool: str | None = None


@frozen(kw_only=True)
class ListMcpTools(Request[tuple[ToolListing, ...]]):
    """List the tools of an image; no session is needed."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = tuple[ToolListing, ...]
    data_is_text: ClassVar[bool] = True
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    image_id: str | None = None
