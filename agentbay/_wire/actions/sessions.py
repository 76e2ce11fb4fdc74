"""Sessions: their life, their states and their labels."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen

from agentbay._wire.actions.tools import ToolListing
from agentbay._wire.codec import JsonText, WireObject
from agentbay._wire.persistence import PersistenceItem
from agentbay._wire.request import Request, SuccessRule

__all__ = (
    "CreateMcpSession",
    "CreatedSession",
    "DeleteSessionAsync",
    "GetLabel",
    "GetSession",
    "GetSessionDetail",
    "LabelData",
    "ListSession",
    "PauseSessionAsync",
    "RefreshSessionIdleTime",
    "ReleaseMcpSession",
    "ResumeSessionAsync",
    "SdkStats",
    "SessionData",
    "SessionDetail",
    "SessionListing",
    "SetLabel",
)


@frozen(kw_only=True)
class SdkStats(WireObject):
    """Who is calling; the order of the names is fixed."""

    pascal_case = False

    source: str = "sdk"
    sdk_language: str = "python"
    sdk_version: str = ""
    is_release: bool = True
    framework: str = ""


@frozen(kw_only=True)
class CreatedSession(WireObject):
    """What ``CreateMcpSession`` gives back."""

    also_read = {"wsUrl": "WsUrl"}
    json_text = {"tool_list": JsonText.COMPACT}

    session_id: str = ""
    success: bool | None = None
    err_msg: str = ""
    app_instance_id: str = ""
    resource_id: str = ""
    resource_url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    link_url: str = field(default="", repr=False)
    ws_url: str = field(default="", repr=False)
    tool_list: tuple[ToolListing, ...] = ()
    network_interface_ip: str = ""
    http_port: str = ""
    vpc_resource: bool = False
    vpc_ip: str = ""
    vpc_id: str = ""


@frozen(kw_only=True)
class CreateMcpSession(Request[CreatedSession]):
    """Start a session; it is usable when the reply arrives."""

    idempotent: ClassVar[bool] = False
    data_type: ClassVar[Any] = CreatedSession
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE
    json_text = {
        "labels": JsonText.ASCII,
        "persistence_data_list": JsonText.COMPACT,
        "sdk_stats": JsonText.COMPACT,
        "skills": JsonText.COMPACT,
    }
    also_read = {"SkillGroupIds": "Skills"}
    flattened: ClassVar[frozenset[str]] = frozenset({"extra_configs"})

    image_id: str | None = None
    labels: dict[str, str] | None = None
    context_id: str | None = None
    persistence_data_list: list[PersistenceItem] | None = None
    session_id: str | None = None
    external_user_id: str | None = None
    timeout: int | None = None
    """Minutes when ``MaxRuntime`` is there too, else seconds."""
    max_runtime: int | None = None
    """Minutes."""
    manual_release: bool | None = None
    mcp_policy_id: str | None = None
    network_id: str | None = None
    vpc_resource: bool | None = None
    enable_record: bool | None = None
    load_skill: bool | None = None
    skills: list[str] | None = None
    extra_configs: dict[str, Any] | None = None
    sdk_stats: SdkStats | None = None
    login_region_id: str | None = None


@frozen(kw_only=True)
class SessionData(WireObject):
    """What ``GetSession`` gives back."""

    also_read = {"wsUrl": "WsUrl", "Contexts": "contexts"}
    wire_names = {"contexts": "contexts"}
    json_text = {"tool_list": JsonText.COMPACT}

    session_id: str = ""
    success: bool | None = None
    status: str = ""
    app_instance_id: str = ""
    resource_id: str = ""
    resource_url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    link_url: str = field(default="", repr=False)
    ws_url: str = field(default="", repr=False)
    tool_list: tuple[ToolListing, ...] = ()
    network_interface_ip: str = ""
    http_port: str = ""
    vpc_resource: bool = False
    vpc_ip: str = ""
    vpc_id: str = ""
    contexts: tuple[dict[str, str], ...] = ()


@frozen(kw_only=True)
class GetSession(Request[SessionData]):
    """Look a session up, to attach to it or to follow its state."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = SessionData
    success_rule: ClassVar[SuccessRule] = SuccessRule.NEEDS_TRUE_OR_NO_CODE

    session_id: str


@frozen(kw_only=True)
class SessionDetail(WireObject):
    """What ``GetSessionDetail`` gives back; clients use only the state."""

    status: str = ""
    aliuid: str = ""
    apikey_id: str = ""
    app_instance_group_id: str = ""
    app_instance_id: str = ""
    app_user_id: str = ""
    biz_type: int = 0
    end_reason: str = ""
    id: int = 0
    image_id: str = ""
    image_type: str = ""
    is_deleted: int = 0
    policy_id: str = ""
    region_id: str = ""
    resource_config_id: str = ""


@frozen(kw_only=True)
class GetSessionDetail(Request[SessionDetail]):
    """Ask for a session's state, also when it has ended."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = SessionDetail
    success_rule: ClassVar[SuccessRule] = SuccessRule.NEEDS_TRUE_OR_NO_CODE
    in_query: ClassVar[frozenset[str]] = frozenset({"session_id"})

    session_id: str


@frozen(kw_only=True)
class SessionListing(WireObject):
    """One session in the reply to ``ListSession``."""

    session_id: str = ""
    session_status: str = ""
    app_instance_id: str = ""
    image_id: str = ""


@frozen(kw_only=True)
class ListSession(Request[tuple[SessionListing, ...]]):
    """List sessions, newest first, page by page."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = tuple[SessionListing, ...]
    success_rule: ClassVar[SuccessRule] = SuccessRule.ABSENT_IS_TRUE
    json_text = {"labels": JsonText.ASCII}

    labels: dict[str, str] = field(factory=dict)
    max_results: int = 10
    next_token: str | None = None
    status: str | None = None
    image_id: str | None = None


@frozen(kw_only=True)
class DeleteSessionAsync(Request[None]):
    """Start the deletion of a session; ``GetSessionDetail`` tells when it is done."""

    idempotent: ClassVar[bool] = True
    success_rule: ClassVar[SuccessRule] = SuccessRule.ABSENT_IS_TRUE

    session_id: str


@frozen(kw_only=True)
class ReleaseMcpSession(Request[None]):
    """End a session at once; the way of older clients."""

    idempotent: ClassVar[bool] = True
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    session_id: str


@frozen(kw_only=True)
class PauseSessionAsync(Request[None]):
    """Start to freeze a session; it is ``PAUSING`` when the reply arrives."""

    idempotent: ClassVar[bool] = True

    session_id: str


@frozen(kw_only=True)
class ResumeSessionAsync(Request[None]):
    """Start to wake a frozen session; it is ``RESUMING`` when the reply arrives."""

    idempotent: ClassVar[bool] = True

    session_id: str


@frozen(kw_only=True)
class RefreshSessionIdleTime(Request[None]):
    """Restart a session's idle timer."""

    idempotent: ClassVar[bool] = True

    session_id: str


@frozen(kw_only=True)
class SetLabel(Request[None]):
    """Replace the labels of a session."""

    idempotent: ClassVar[bool] = True
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE
    json_text = {"labels": JsonText.ASCII}

    session_id: str
    labels: dict[str, str]


@frozen(kw_only=True)
class LabelData(WireObject):
    """What ``GetLabel`` gives back."""

    json_text = {"labels": JsonText.ASCII}

    labels: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class GetLabel(Request[LabelData]):
    """Ask for the labels of a session."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = LabelData
    success_rule: ClassVar[SuccessRule] = SuccessRule.REFUSED_IF_FALSE_WITH_CODE

    session_id: str
    max_results: int | None = None
    next_token: str | None = None
