"""Tools of a session inside a VPC."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agentbay import AsyncSession, Config, CreateSessionParams
from tests.conftest import ConnectFunction
from tests.servers import Answer, ScriptedServer, Then, http

TOOLS = [{"name": "press_keys", "server": "wuying_ui", "description": "d", "inputSchema": {}}]


@contextlib.asynccontextmanager
async def in_vpc(
    connect: ConnectFunction, answer: Answer, **changed: Any
) -> AsyncIterator[tuple[AsyncSession, ScriptedServer]]:
    """Make a session that lives in a VPC at whose address *answer* is given."""
    async with ScriptedServer([answer]).running() as inside:
        data = {"SessionId": "s-1", "Token": "tok-secret", "VpcResource": True}
        data |= {"NetworkInterfaceIp": "127.0.0.1", "HttpPort": str(inside.port), **changed}
        answers = [
            Answer(http(json.dumps({"Success": True, "Data": data})), Then.KEEP),
            # The tools are asked for because the service announced none.
            Answer(http(json.dumps({"Success": True, "Data": json.dumps(TOOLS)})), Then.KEEP),
        ]
        async with (
            ScriptedServer(answers).running() as server,
            connect("k", Config(endpoint=server.endpoint)) as bay,
        ):
            created = await bay.create(CreateSessionParams(is_vpc=True))
            assert b"VpcResource=True" in server.requests[0]
            yield created.unwrap(), inside


async def test_call_goes_to_the_address_inside(connect: ConnectFunction) -> None:
    answer = Answer(http(json.dumps({"content": [{"text": "pressed"}], "isError": False})))
    async with in_vpc(connect, answer) as (session, inside):
        assert session.is_vpc
        assert [tool.description for tool in session.mcp_tools] == ["d"]
        keys = {"keys": ["CTRL", "A", "ENTER", "é"]}
        result = await session.call_mcp_tool("press_keys", keys)
        assert result.unwrap() == "pressed"
        assert keys == {"keys": ["CTRL", "A", "ENTER", "é"]}, "the caller's dict is untouched"
        method, target, _ = inside.requests[0].split(b"\r\n")[0].decode().split()
        sent = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        assert (method, urlsplit(target).path) == ("GET", "/callTool")
        assert sent.pop("requestId") == result.request_id
        assert result.request_id.startswith("vpc-")
        assert json.loads(sent.pop("args")) == {"keys": ["Ctrl", "a", "Enter", "é"]}
        assert sent == {"server": "wuying_ui", "tool": "press_keys", "token": "tok-secret"}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(http("x", 502)), "HTTP request failed with code: 502"),
        (Answer(b"", Then.CLOSE), "HTTP request failed: "),
        (Answer(http("<html>")), "Unexpected error: "),
        (Answer(http('{"content": ["why"], "isError": true}')), "why"),
    ],
    ids=["status", "dropped", "not-json", "tool"],
)
async def test_failures(connect: ConnectFunction, answer: Answer, message: str) -> None:
    async with in_vpc(connect, answer) as (session, _):
        result = await session.call_mcp_tool("press_keys", {"keys": ["a"]})
        assert not result.success
        assert result.error_message.startswith(message)
        assert "tok-secret" not in result.error_message


async def test_unknown_tool_and_half_an_address(connect: ConnectFunction) -> None:
    async with in_vpc(connect, Answer()) as (session, _):
        result = await session.call_mcp_tool("fly", {})
        assert result.error_message == "server not found for tool: fly"
    async with in_vpc(connect, Answer(), HttpPort="") as (session, _):
        result = await session.call_mcp_tool("press_keys", {})
        assert result.error_message == (
            "VPC network configuration incomplete: networkInterfaceIp=127.0.0.1, httpPort="
        )
