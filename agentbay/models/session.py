"""Sessions: results, descriptions and states."""

from __future__ import annotations

from enum import Enum
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from agentbay.errors import RemoteOperationError, SessionError
from agentbay.models.results import ApiResponse, Outcome

__all__ = (
    "DeleteResult",
    "McpTool",
    "McpToolResult",
    "McpToolsResult",
    "SessionInfo",
    "SessionListItem",
    "SessionListResult",
    "SessionResult",
    "SessionStatus",
    "SessionStatusResult",
)

HandleT = TypeVar("HandleT")


class SessionStatus(Enum):
    """The states in which sessions can be listed."""

    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    RESUMING = "RESUMING"
    DELETING = "DELETING"
    DELETED = "DELETED"


@frozen
class McpTool:
    """One tool that a session offers.

    Attributes:
        name: What ``call_mcp_tool`` takes.
        description: What the tool does.
        input_schema: JSON Schema of its arguments.
        server: The MCP server inside the session that owns it.
        tool: The service's own id of the tool.
    """

    name: str = ""
    description: str = ""
    input_schema: dict[str, Any] = field(factory=dict)
    server: str = ""
    tool: str = ""

    def get_name(self) -> str:
        """Return the tool's name."""
        return self.name

    def get_server(self) -> str:
        """Return the server that owns the tool."""
        return self.server


@frozen
class SessionInfo:
    """How to view a session's desktop.

    The ticket, the auth code and the URL (which contains one) are secrets and left out of
    ``repr``.
    """

    session_id: str = ""
    resource_url: str = field(default="", repr=False)
    app_id: str = ""
    auth_code: str = field(default="", repr=False)
    connection_properties: str = field(default="", repr=False)
    resource_id: str = ""
    resource_type: str = ""
    ticket: str = field(default="", repr=False)


class SessionListItem(str):
    """The id of a listed session, which also answers for the other facts of the listing.

    It equals the plain id, and ``item["sessionStatus"]``, ``item.status`` and
    ``item.get("imageId")`` work as well.

    Args:
        session_id: The id, the value of the string.
        status: The session's state, ``UNKNOWN`` when the service named none.
        app_instance_id: Id of the instance that runs it.
        image_id: Its image.
    """

    __slots__ = ("app_instance_id", "image_id", "status")

    _KEYS = ("sessionId", "sessionStatus", "appInstanceId", "imageId")

    app_instance_id: str
    image_id: str
    status: str

    def __new__(
        cls,
        session_id: str,
        status: str = "UNKNOWN",
        app_instance_id: str = "",
        image_id: str = "",
    ) -> SessionListItem:
        """Build the item from its facts."""
        item = super().__new__(cls, session_id)
        item.status = status
        item.app_instance_id = app_instance_id
        item.image_id = image_id
        return item

    def __reduce__(self) -> tuple[type[SessionListItem], tuple[str, ...]]:
        return (type(self), self._facts())

    def _facts(self) -> tuple[str, str, str, str]:
        return (str(self), self.status, self.app_instance_id, self.image_id)

    @property
    def session_id(self) -> str:
        """The plain id."""
        return str(self)

    def keys(self) -> tuple[str, ...]:
        """Return the names that ``item[name]`` knows."""
        return self._KEYS

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return the fact named *key* as the service spells it, or *default*."""
        facts = dict(zip(self._KEYS, self._facts(), strict=True))
        return facts.get(key, default)

    def __getitem__(self, key: Any) -> str:
        if isinstance(key, str):
            value = self.get(key)
            if value is None:
                raise KeyError(f"{key!r}; a session list item has {', '.join(self._KEYS)}")
            return value
        return super().__getitem__(key)


@define
class SessionResult(ApiResponse, Outcome, Generic[HandleT]):
    """The outcome of creating or finding a session."""

    error_class = SessionError

    success: bool = False
    error_message: str = ""
    session: HandleT | None = field(default=None, metadata={"handle": True})
    code: str = ""

    def unwrap(self) -> HandleT:
        """Return the session, or raise the error of a failed result."""
        if not self.success or self.session is None:
            self._raise()
        return self.session


@define
class SessionListResult(ApiResponse, Outcome):
    """One page of sessions, newest first.

    Attributes:
        session_ids: The listed sessions; each item equals the session's id.
        next_token: Where the next page starts; empty on the last page.
        max_results: Page size.
        total_count: Number of sessions on all pages.
    """

    error_class = SessionError

    success: bool = False
    error_message: str = ""
    session_ids: list[SessionListItem] = field(factory=list)
    next_token: str = ""
    max_results: int = 0
    total_count: int = 0

    def unwrap(self) -> list[SessionListItem]:
        """Return the items, or raise the error of a failed result."""
        self.raise_for_error()
        return self.session_ids


@define
class DeleteResult(ApiResponse, Outcome):
    """The outcome of deleting a session."""

    error_class = SessionError

    success: bool = False
    error_message: str = ""
    code: str = ""
    message: str = ""
    http_status_code: int = 0

    def unwrap(self) -> None:
        """Return nothing, or raise the error of a failed result."""
        self.raise_for_error()


@define
class SessionStatusResult(ApiResponse, Outcome):
    """The outcome of asking for a session's state.

    Attributes:
        status: A :class:`SessionStatus` value, or ``FINISH`` for an ended session.
    """

    error_class = SessionError

    http_status_code: int = 0
    code: str = ""
    success: bool = False
    status: str = ""
    error_message: str = ""

    def unwrap(self) -> str:
        """Return the state, or raise the error of a failed result."""
        self.raise_for_error()
        return self.status


@define
class McpToolsResult(ApiResponse, Outcome):
    """The tools of a session."""

    error_class = SessionError

    tools: list[McpTool] = field(factory=list)
    success: bool = False
    error_message: str = ""

    def unwrap(self) -> list[McpTool]:
        """Return the tools, or raise the error of a failed result."""
        self.raise_for_error()
        return self.tools


@define
class McpToolResult(ApiResponse, Outcome):
    """The outcome of one tool call.

    Attributes:
        data: The tool's readable output; empty when it failed.
        raw: The tool's text exactly as it arrived, also when it failed.
        is_error: Whether the tool itself reported the failure, as opposed to the way to it.
    """

    error_class = RemoteOperationError

    success: bool = False
    data: str = ""
    error_message: str = ""
    raw: str = field(default="", kw_only=True, repr=False)
    is_error: bool = field(default=False, kw_only=True, repr=False)

    def unwrap(self) -> str:
        """Return the output, or raise the error of a failed result."""
        self.raise_for_error()
        return self.data
