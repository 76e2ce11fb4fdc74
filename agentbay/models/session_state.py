"""What the service knows of a session, and the outcomes of pausing and resuming it."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from agentbay.errors import SessionError
from agentbay.models.results import ApiResponse, Outcome

__all__ = ("GetSessionData", "GetSessionResult", "SessionPauseResult", "SessionResumeResult")


@define
class GetSessionData:
    """What the service knows of a session.

    The token and the URLs, which let whoever has them in, are left out of ``repr``.

    Attributes:
        tool_list: The session's tools, as JSON text.
        contexts: The contexts of the session, each with ``id`` and ``name``.
    """

    app_instance_id: str = ""
    resource_id: str = ""
    session_id: str = ""
    success: bool = False
    http_port: str = ""
    network_interface_ip: str = ""
    token: str = field(default="", repr=False)
    link_url: str = field(default="", repr=False)
    ws_url: str = field(default="", repr=False)
    vpc_resource: bool = False
    vpc_ip: str = ""
    vpc_id: str = ""
    resource_url: str = field(default="", repr=False)
    status: str = ""
    tool_list: str = field(default="", repr=False)
    contexts: list[dict[str, Any]] = field(factory=list)


@define
class GetSessionResult(ApiResponse, Outcome):
    """The outcome of looking a session up."""

    error_class = SessionError

    http_status_code: int = 0
    code: str = ""
    success: bool = False
    data: GetSessionData | None = None
    error_message: str = ""

    def unwrap(self) -> GetSessionData:
        """Return what was found, or raise the error of a failed result."""
        if not self.success or self.data is None:
            self._raise()
        return self.data


@define
class SessionPauseResult(ApiResponse, Outcome):
    """The outcome of pausing a session.

    Attributes:
        status: The session's state, as far as it was seen.
    """

    error_class = SessionError

    success: bool = False
    error_message: str = ""
    code: str = ""
    message: str = ""
    http_status_code: int = 0
    status: str | None = None

    def unwrap(self) -> None:
        """Return nothing, or raise the error of a failed result."""
        self.raise_for_error()


@define
class SessionResumeResult(ApiResponse, Outcome):
    """The outcome of resuming a session.

    Attributes:
        status: The session's state, as far as it was seen.
    """

    error_class = SessionError

    success: bool = False
    error_message: str = ""
    code: str = ""
    message: str = ""
    http_status_code: int = 0
    status: str | None = None

    def unwrap(self) -> None:
        """Return nothing, or raise the error of a failed result."""
        self.raise_for_error()
