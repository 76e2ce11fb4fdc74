"""Links: how something inside a session is reached or seen."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen

from agentbay._wire.codec import WireObject
from agentbay._wire.request import Request, SuccessRule

__all__ = (
    "DesktopInfo",
    "GetLink",
    "GetMcpResource",
    "LinkData",
    "ResourceData",
)


@frozen(kw_only=True)
class LinkData(WireObject):
    """What ``GetLink`` gives back."""

    url: str = field(default="", repr=False)


@frozen(kw_only=True)
class GetLink(Request[LinkData]):
    """Ask for a URL by which something inside a session can be reached."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = LinkData
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    session_id: str
    protocol_type: str | None = None
    """``https`` or ``wss``; the latter when absent."""
    port: int | None = None
    option: str | None = None


@frozen(kw_only=True)
class DesktopInfo(WireObject):
    """How a desktop client connects to a session."""

    app_id: str = ""
    auth_code: str = field(default="", repr=False)
    connection_properties: str = field(default="", repr=False)
    resource_id: str = ""
    resource_type: str = ""
    ticket: str = field(default="", repr=False)


@frozen(kw_only=True)
class ResourceData(WireObject):
    """What ``GetMcpResource`` gives back."""

    session_id: str = ""
    resource_url: str = field(default="", repr=False)
    desktop_info: DesktopInfo = field(factory=DesktopInfo)


@frozen(kw_only=True)
class GetMcpResource(Request[ResourceData]):
    """Ask how a session can be viewed."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = ResourceData
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    session_id: str
