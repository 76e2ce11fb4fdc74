"""Answers too deep to be parsed are failures like others that cannot be read."""

from __future__ import annotations

import pytest

from agentbay import Config, SessionError
from agentbay.testing import Data, Raw, RecordingServer, Route
from tests.conftest import ConnectFunction

DEEP = "[" * 200_000


@pytest.mark.parametrize("route", [Route.API, Route.LINK, Route.VPC])
@pytest.mark.parametrize("start", ["", '{"data":', '{"Data":', '{"content":'])
@pytest.mark.parametrize("status", [200, 500])
async def test_tools(connect: ConnectFunction, route: Route, start: str, status: int) -> None:
    async with (
        RecordingServer(route=route) as server,
        connect(server.api_key, Config(endpoint=server.endpoint)) as bay,
    ):
        session = (await bay.create()).unwrap()
        server.answer("shell", Raw((start + DEEP).encode(), status))
        result = await session.call_mcp_tool("shell", {"command": "true"})
    assert not result.success
    assert result.error_message


async def test_text_inside_an_answer(connect: ConnectFunction) -> None:
    async with (
        RecordingServer() as server,
        connect(server.api_key, Config(endpoint=server.endpoint)) as bay,
    ):
        session = (await bay.create()).unwrap()
        server.answer("GetLabel", Data({"Labels": DEEP}), Data(DEEP), Raw(DEEP.encode()))
        for _ in range(3):
            with pytest.raises(SessionError, match="Failed to get labels"):
                await session.get_labels()
