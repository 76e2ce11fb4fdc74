"""Every member of client and session that the reference names is there, with its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import pytest

import agentbay
from agentbay import AgentBay, AsyncAgentBay, AsyncSession, Session

WAIT = "timeout=600, poll_interval=2.0"
CLIENT: Mapping[str, str] = {
    "create": "params=None",
    "get": "session_id",
    "get_session": "session_id",
    "list": "labels=None, page=None, limit=None, status=None, image_id=None",
    "list_all": "labels=None, limit=None, status=None, image_id=None",
    "delete": "session, sync_context=False",
    "pause": f"session, {WAIT}",
    "pause_async": f"session, {WAIT}",
    "beta_pause": f"session, {WAIT}",
    "resume": f"session, {WAIT}",
    "resume_async": f"session, {WAIT}",
    "beta_resume": f"session, {WAIT}",
    "close": "",
}
TIMEOUTS = "read_timeout=None, connect_timeout=None"
SESSION: Mapping[str, str] = {
    "delete": "sync_context=False, poll_interval=2.0",
    "set_labels": "labels",
    "get_labels": "",
    "info": "",
    "get_link": "protocol_type=None, port=None, options=None",
    "get_link_async": "protocol_type=None, port=None, options=None",
    "list_mcp_tools": "image_id=None",
    "call_mcp_tool": f"tool_name, args, {TIMEOUTS}, auto_gen_session=False",
    "pause": WAIT,
    "pause_async": WAIT,
    "beta_pause": WAIT,
    "resume": WAIT,
    "resume_async": WAIT,
    "beta_resume": WAIT,
    "get_status": "",
    "keep_alive": "",
    "get_metrics": TIMEOUTS,
}
PLAIN = ("get_token", "get_link_url", "getToken", "getLinkUrl")
TWINS = ("get_link_async", "pause_async", "resume_async")
PROPERTIES: Mapping[str, object] = {
    "session_id": "s-1",
    "is_vpc": False,
    "network_interface_ip": "",
    "http_port": "",
    "token": "",
    "resource_url": "",
    "mcp_tools": [],
    "mcpTools": [],
    "image_id": "",
    "enableBrowserReplay": None,
    "enable_browser_replay": None,
    "file_transfer_context_id": None,
    "record_context_id": None,
    "app_instance_id": "",
    "link_url": "",
    "ws_url": "",
    "vpc_ip": "",
    "vpc_id": "",
}
HANDLES = ("agent_bay", "command", "context", "file_system", "fs", "filesystem", "files")

MEMBERS = [
    (cls, name, parameters)
    for classes, members in (
        ((AgentBay, AsyncAgentBay), CLIENT),
        ((Session, AsyncSession), SESSION),
    )
    for cls in classes
    for name, parameters in members.items()
]

# What the field lists of the reference say comes after `request_id`.
RESULTS: Mapping[str, str] = {
    "BaseResult": "success error_message",
    "SessionResult": "success error_message session code",
    "SessionListResult": ("success error_message session_ids next_token max_results total_count"),
    "DeleteResult": "success error_message code message http_status_code",
    "OperationResult": "success data error_message code message http_status_code",
    "BoolResult": "success data error_message",
    "McpToolsResult": "tools success error_message",
    "McpToolResult": "success data error_message",
    "SessionPauseResult": "success error_message code message http_status_code status",
    "SessionResumeResult": "success error_message code message http_status_code status",
    "GetSessionResult": "http_status_code code success data error_message",
    "SessionStatusResult": "http_status_code code success status error_message",
    "SessionMetricsResult": "success metrics error_message raw",
}
PAYLOADS: Mapping[str, str] = {
    "GetSessionData": (
        "app_instance_id resource_id session_id success http_port network_interface_ip token "
        "link_url ws_url vpc_resource vpc_ip vpc_id resource_url status tool_list contexts"
    ),
    "SessionMetrics": (
        "cpu_count cpu_used_pct disk_total disk_used mem_total mem_used rx_rate_kbyte_per_s "
        "tx_rate_kbyte_per_s rx_used_kbyte tx_used_kbyte timestamp rx_rate_kbps tx_rate_kbps "
        "rx_used_kb tx_used_kb"
    ),
    "SessionInfo": (
        "session_id resource_url app_id auth_code connection_properties resource_id "
        "resource_type ticket"
    ),
    "McpTool": "name description input_schema server tool",
}
ENUMS: Mapping[str, str] = {
    "SessionStatus": "RUNNING PAUSING PAUSED RESUMING DELETING DELETED",
    "BrowserSyncMode": "minimal standard",
    "UploadStrategy": "UploadBeforeResourceRelease",
    "DownloadStrategy": "DownloadAsync",
    "UploadMode": "File Archive",
    "Lifecycle": (
        "Lifecycle_1Day Lifecycle_3Days Lifecycle_5Days Lifecycle_10Days Lifecycle_15Days "
        "Lifecycle_30Days Lifecycle_90Days Lifecycle_180Days Lifecycle_360Days Lifecycle_Forever"
    ),
    "MobileSimulateMode": "PropertiesOnly SensorsOnly PackagesOnly ServicesOnly All",
    "BetaContextMountAccessMode": "readWrite readOnly",
    "BetaContextMountStrategy": "standard performance",
}


def parameters_of(function: object) -> str:
    """Return the parameters without self and without annotations."""
    assert callable(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return ", ".join(
        parameter.name
        if parameter.default is parameter.empty
        else f"{parameter.name}={parameter.default!r}"
        for parameter in parameters
    )


@pytest.mark.parametrize(("cls", "name", "parameters"), MEMBERS)
def test_member(cls: type, name: str, parameters: str) -> None:
    member = inspect.getattr_static(cls, name)
    assert parameters_of(member) == parameters
    is_async = (cls.__name__.startswith("Async") and name != "list_all") or name in TWINS
    assert inspect.iscoroutinefunction(member) == is_async


@pytest.mark.parametrize("cls", [Session, AsyncSession])
@pytest.mark.parametrize("name", [*PROPERTIES, *HANDLES])
def test_property(cls: type, name: str) -> None:
    assert isinstance(inspect.getattr_static(cls, name), property)


def test_properties_of_a_fresh_session_need_no_service() -> None:
    config = agentbay.Config(endpoint="http://127.0.0.1:1")
    for session in (
        AsyncSession(AsyncAgentBay("k", config), "s-1"),
        Session(AgentBay("k", config), "s-1"),
    ):
        assert {name: getattr(session, name) for name in PROPERTIES} == PROPERTIES
        assert session.mcpTools is session.mcp_tools
        assert session.fs is session.filesystem is session.files is session.file_system


@pytest.mark.parametrize("name", PLAIN)
def test_deprecated_accessors_warn_where_they_are_used(name: str) -> None:
    config = agentbay.Config(endpoint="http://127.0.0.1:1")
    for session in (
        AsyncSession(AsyncAgentBay("k", config), "s-1"),
        Session(AgentBay("k", config), "s-1"),
    ):
        with pytest.warns(DeprecationWarning, match=rf"^{name}\(\)") as caught:
            assert getattr(session, name)() == ""
        assert str(caught[0].message) == (
            f"{name}() is deprecated and will be removed in a future version. "
            "This method is for internal SDK use only."
        )
        assert caught[0].filename == __file__


@pytest.mark.parametrize("name", RESULTS)
def test_result_class(name: str) -> None:
    cls = getattr(agentbay, name)
    parameters = inspect.signature(cls).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["request_id", *RESULTS[name].split()]
    failed = cls.failure("why")
    assert (failed.success, failed.error_message, failed.get_request_id()) == (False, "why", "")
    assert not failed
    with pytest.raises(agentbay.AgentBayError, match="why"):
        failed.unwrap()
    first, second = cls(), cls()
    for field in ("session_ids", "tools", "raw"):
        if isinstance(getattr(first, field, None), list | dict):
            assert getattr(first, field) is not getattr(second, field)


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_class(name: str) -> None:
    cls = getattr(agentbay, name)
    assert list(inspect.signature(cls).parameters) == PAYLOADS[name].split()
    assert cls() == cls()


@pytest.mark.parametrize("name", ENUMS)
def test_enum(name: str) -> None:
    assert [member.value for member in getattr(agentbay, name)] == ENUMS[name].split()
