"""Calling tools directly, on both surfaces."""

from __future__ import annotations

import json

import pytest

from agentbay import AsyncAgentBay, AsyncSession, RemoteOperationError, SessionError
from agentbay.local.images import PROFILES


async def test_shell_gives_its_output(session: AsyncSession) -> None:
    result = await session.call_mcp_tool("shell", {"command": "echo hello", "timeout_ms": 5000})
    assert result.success
    assert result.data == "hello\n"
    assert json.loads(result.raw)["stdout"] == "hello\n"
    assert result.unwrap() == "hello\n"


async def test_shell_gives_its_error(session: AsyncSession) -> None:
    result = await session.call_mcp_tool("shell", {"command": "nope", "timeout_ms": 5000})
    assert not result.success
    assert result.data == ""
    assert "nope: not found" in result.error_message
    assert result.is_error
    with pytest.raises(RemoteOperationError, match="not found"):
        result.unwrap()


async def test_unknown_tool_is_named(session: AsyncSession) -> None:
    result = await session.call_mcp_tool("fly", {})
    assert not result.success
    assert "fly" in result.error_message
    assert "shell" in result.error_message, "the known tools are listed"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "command"),
        ({"command": ["ls"]}, "command"),
        ({"command": "ls", "colour": "red"}, "colour"),
        ({"command": "ls", "timeout_ms": "soon"}, "timeout_ms"),
        ({"command": "ls", "timeout_ms": 0}, "timeout_ms"),
    ],
)
async def test_wrong_arguments_are_named(
    session: AsyncSession, arguments: dict[str, object], named: str
) -> None:
    result = await session.call_mcp_tool("shell", arguments)
    assert not result.success
    assert named in result.error_message


async def test_arguments_that_are_not_json(session: AsyncSession) -> None:
    result = await session.call_mcp_tool("shell", {"command": object()})
    assert not result.success
    assert result.error_message.startswith("Failed to call MCP tool: ")
    assert result.request_id == ""


async def test_both_routes_answer_alike(bay: AsyncAgentBay, session: AsyncSession) -> None:
    call = {"command": "echo out; echo err >&2; exit 3", "timeout_ms": 5000}
    direct = await session.call_mcp_tool("shell", call)
    session.mcp_tools.clear()  # no known server: the call goes through the API
    through_api = await session.call_mcp_tool("shell", call)
    assert direct.request_id.startswith("link-")
    assert not through_api.request_id.startswith("link-")
    assert (direct.success, direct.data, direct.error_message) == (False, "", "err\n")
    assert (through_api.success, through_api.data, through_api.error_message) == (
        False,
        "",
        "err\n",
    )


async def test_list_mcp_tools(session: AsyncSession) -> None:
    announced = list(session.mcp_tools)
    result = await session.list_mcp_tools()
    assert result.success
    assert result.request_id
    offered = {tool.name for tool in PROFILES["linux_latest"].tools()}
    assert offered >= {"shell", "read_file", "write_file", "get_metrics"}
    assert {tool.name for tool in result.tools} == offered
    assert [tool.name for tool in session.mcp_tools] == [tool.name for tool in result.tools]
    assert {tool.name for tool in announced} == offered
    shell = next(tool for tool in result.tools if tool.get_name() == "shell")
    assert shell.get_server() == "wuying_shell"
    assert shell.description
    assert shell.input_schema["required"] == ["command"]


async def test_list_mcp_tools_of_an_unknown_image(session: AsyncSession) -> None:
    with pytest.raises(SessionError, match="no_such_image"):
        await session.list_mcp_tools("no_such_image")
