"""The recording server: every route, every form of answer."""

from __future__ import annotations

import pytest

from agentbay import AsyncAgentBay, AsyncSession, Config, CreateSessionParams, NotFoundError
from agentbay.testing import Data, Raw, RecordingServer, Refusal, Route, Text
from tests.conftest import ConnectFunction


async def start(bay: AsyncAgentBay) -> AsyncSession:
    return (await bay.create(CreateSessionParams(image_id="linux_latest"))).unwrap()


@pytest.mark.parametrize("route", [Route.API, Route.LINK, Route.VPC])
async def test_tools_are_recorded_alike_on_each_route(
    connect: ConnectFunction, route: Route
) -> None:
    async with RecordingServer(route=route) as server:
        server.answer("read_file", "first", Text("second", is_error=True))
        async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
            session = await start(bay)
            first = await session.call_mcp_tool("read_file", {"path": "/ä"})
            second = await session.call_mcp_tool("read_file", {"path": "/ä"})
            third = await session.call_mcp_tool("read_file", {"path": "/ä"})
    assert (first.success, first.data) == (True, "first")
    assert (second.success, second.error_message) == (False, "second")
    assert third.error_message == "second"
    assert {call.route for call in server.calls} == {route}
    assert [(call.name, call.arguments, call.server) for call in server.calls] == [
        ("read_file", {"path": "/ä"}, "wuying_filesystem")
    ] * 3


async def test_an_action_is_recorded_without_the_key(
    server: RecordingServer, session: AsyncSession
) -> None:
    await session.get_status()
    (request,) = server.requests
    assert request.name == "GetSessionDetail"
    assert request.arguments == {"SessionId": session.session_id}
    assert request.query == {"SessionId"}
    assert request.parameters["Authorization"] == "Bearer ****"
    assert server.api_key not in repr(request.parameters)


async def test_a_life_without_a_script(server: RecordingServer, session: AsyncSession) -> None:
    assert (await session.pause()).status == "PAUSED"
    assert (await session.resume()).status == "RUNNING"
    assert (await session.delete()).success
    assert not (await session.get_status()).success
    assert len(server.named("PauseSessionAsync")) == 1


async def test_scripted_answers_of_actions(server: RecordingServer, session: AsyncSession) -> None:
    server.answer(
        "GetLabel",
        Data({"Labels": '{"a": "b"}'}),
        Refusal("Some.Code", "why", status=200),
        Refusal("Thing.NotFound", "gone", status=404),
        Raw(b"<html>", status=200),
        lambda request: Data({"Labels": f'{{"id": "{request.session_id}"}}'}),
    )
    assert (await session.get_labels()).data == {"a": "b"}
    assert (await session.get_labels()).error_message == "[Some.Code] why"
    with pytest.raises(Exception, match="gone") as caught:
        await session.get_labels()
    assert isinstance(caught.value.__cause__, NotFoundError)
    with pytest.raises(Exception, match="not JSON"):
        await session.get_labels()
    assert (await session.get_labels()).data == {"id": session.session_id}


async def test_a_wrong_key_is_refused(connect: ConnectFunction, server: RecordingServer) -> None:
    async with connect("another", Config(endpoint=server.endpoint)) as bay:
        assert "InvalidApiKey" in (await bay.create()).error_message


async def test_labels_are_written_alike_everywhere(
    server: RecordingServer, session: AsyncSession
) -> None:
    labels = {"ü": "ß"}
    await session.set_labels(labels)
    await session.agent_bay.list(labels)
    await session.agent_bay.create(CreateSessionParams(labels=labels))
    assert {request.arguments["Labels"] for request in server.requests} == {
        '{"\\u00fc": "\\u00df"}'
    }
