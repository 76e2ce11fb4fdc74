"""The sessions of a recording server, and the limits to which it can be held."""

from __future__ import annotations

import math

import aiohttp
import anyio
import pytest

from agentbay import (
    AsyncAgentBay,
    Config,
    ConfigurationError,
    CreateSessionParams,
    RateLimitError,
    SessionError,
)
from agentbay.config import RetryPolicy
from agentbay.models.session import SessionStatus
from agentbay.testing import (
    Capacity,
    Data,
    FaultPlan,
    FaultRule,
    HalfOpen,
    RecordingServer,
    Reset,
    Route,
    SandboxKilled,
)
from agentbay.testing.capacity import TokenBucket
from tests.conftest import ConnectFunction

ONCE = RetryPolicy(max_attempts=1)
MANY = 200


def client(connect: ConnectFunction, server: RecordingServer) -> AsyncAgentBay:
    return connect(server.api_key, Config(endpoint=server.endpoint, retry=ONCE))


def params(image_id: str = "linux_latest", **labels: str) -> CreateSessionParams:
    return CreateSessionParams(image_id=image_id, labels=labels)


async def test_sessions_are_there_from_creation_to_deletion(connect: ConnectFunction) -> None:
    async with RecordingServer() as server, client(connect, server) as bay:
        first = (await bay.create(params(env="a"))).unwrap()
        second = (await bay.create(params("code_latest"))).unwrap()
        await second.call_mcp_tool("shell", {"command": "true"})
        held = server.sessions
        assert list(held) == [first.session_id, second.session_id]
        assert [session.number for session in held.values()] == [1, 2]
        assert [session.calls for session in held.values()] == [0, 1]
        assert held[first.session_id].labels == {"env": "a"}
        assert held[second.session_id].image_id == "code_latest"
        assert (await first.delete()).success
        assert list(server.sessions) == [second.session_id]
        assert (server.sessions_created, server.most_sessions) == (2, 2)


async def test_labels_are_replaced(connect: ConnectFunction) -> None:
    async with RecordingServer() as server, client(connect, server) as bay:
        session = (await bay.create(params(env="a"))).unwrap()
        await session.set_labels({"ü": "ß"})
        assert (await session.get_labels()).data == {"ü": "ß"}
        assert (await bay.list({"env": "a"})).total_count == 0
        assert (await bay.list({"ü": "ß"})).session_ids == [session.session_id]


async def test_a_paused_session_refuses_tools(connect: ConnectFunction) -> None:
    async with RecordingServer() as server, client(connect, server) as bay:
        session = (await bay.create()).unwrap()
        assert (await session.pause()).success
        assert server.sessions[session.session_id].state is SessionStatus.PAUSED
        assert "PAUSED" in (await session.call_mcp_tool("shell", {})).error_message
        assert (await bay.list(status="PAUSED")).total_count == 1
        assert (await session.resume()).success
        assert (await session.call_mcp_tool("shell", {})).success


@pytest.mark.parametrize("route", [Route.API, Route.LINK])
async def test_what_was_deleted_is_not_found(connect: ConnectFunction, route: Route) -> None:
    async with RecordingServer(route=route) as server, client(connect, server) as bay:
        session = (await bay.create()).unwrap()
        assert (await bay.get(session.session_id)).success
        assert (await session.delete()).success
        assert "not found" in (await bay.get(session.session_id)).error_message
        assert not (await session.get_status()).success
        assert not (await session.call_mcp_tool("shell", {})).success
        assert not (await session.pause()).success
        with pytest.raises(SessionError):
            await session.set_labels({"a": "b"})
        with pytest.raises(SessionError):
            await session.get_labels()


async def test_lists_are_filtered_and_paged_newest_first(connect: ConnectFunction) -> None:
    async with RecordingServer() as server, client(connect, server) as bay:
        made = [
            (await bay.create(params(parity=str(number % 2), all="yes"))).unwrap().session_id
            for number in range(7)
        ]
        page = await bay.list({"all": "yes", "parity": "0"}, limit=3)
        assert page.session_ids == [made[6], made[4], made[2]]
        assert page.total_count == 4
        rest = await bay.list({"all": "yes", "parity": "0"}, page=2, limit=3)
        assert (rest.session_ids, rest.next_token) == ([made[0]], "")
        assert [item async for item in bay.list_all({"all": "yes"}, limit=2)] == made[::-1]
        assert (await bay.list(image_id="code_latest")).total_count == 0


async def test_a_scripted_session_is_there_too(connect: ConnectFunction) -> None:
    async with RecordingServer() as server, client(connect, server) as bay:
        server.answer("CreateMcpSession", Data({"SessionId": "given", "Success": True}))
        session = (await bay.create(params(env="a"))).unwrap()
        assert server.sessions["given"].labels == {"env": "a"}
        assert (await session.delete()).success
        assert server.sessions == {}


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("DeleteSessionAsync", {}, "MissingParameter"),
        ("DeleteSessionAsync", {"SessionId": "s-9"}, "InvalidMcpSession.NotFound"),
        ("GetContextInfo", {"SessionId": "s-9"}, "InvalidMcpSession.NotFound"),
        ("CallMcpTool", {"Name": "shell"}, "InvalidMcpSession.NotFound"),
        ("CreateMcpSession", {"Labels": "{"}, "InvalidParameter"),
        ("ListSession", {"NextToken": "x"}, "InvalidParameter"),
        ("ListSession", {"Status": "FINISH"}, "InvalidParameter"),
        ("ListSession", {"MaxResults": "0"}, "InvalidParameter"),
        ("SetLabel", {"SessionId": "s-1", "Labels": "{}"}, "InvalidParameter"),
        ("SetLabel", {"SessionId": "s-1", "Labels": '{"a": " "}'}, "InvalidParameter"),
        ("Nothing", {}, "InvalidAction.NotFound"),
    ],
)
async def test_what_no_client_of_ours_sends(
    action: str, parameters: dict[str, str], code: str
) -> None:
    async with RecordingServer() as server, aiohttp.ClientSession() as http:
        key = {"Authorization": f"Bearer {server.api_key}"}
        async with http.post(server.endpoint, data={**key, "Action": "CreateMcpSession"}) as made:
            assert (await made.json())["Data"]["SessionId"] == "s-1"
        sent = {**key, "Action": action, **parameters}
        async with http.post(server.endpoint, data=sent) as answer:
            body = await answer.json()
        assert body["Code"] == code
        assert not body["Success"]
        assert answer.status >= 400
        assert list(server.sessions) == ["s-1"]


async def test_a_full_server_has_no_room_for_scripted_sessions(connect: ConnectFunction) -> None:
    capacity = Capacity(max_sessions=0)
    async with RecordingServer(capacity=capacity) as server, client(connect, server) as bay:
        server.answer("CreateMcpSession", Data({"SessionId": "given", "Success": True}))
        assert (await bay.create()).code == "QuotaExceeded"
        assert server.sessions == {}


async def test_a_full_server_refuses_sessions(connect: ConnectFunction) -> None:
    capacity = Capacity(max_sessions=1)
    async with RecordingServer(capacity=capacity) as server, client(connect, server) as bay:
        session = (await bay.create()).unwrap()
        refused = await bay.create()
        assert refused.code == "QuotaExceeded"
        with pytest.raises(RateLimitError):
            refused.unwrap()
        await session.delete()
        assert (await bay.create()).success
        assert (server.sessions_created, server.most_sessions) == (2, 1)


async def test_what_comes_too_fast_is_told_when_to_come_again(connect: ConnectFunction) -> None:
    capacity = Capacity(rate=0.01, burst=2)
    async with RecordingServer(capacity=capacity) as server, client(connect, server) as bay:
        session = (await bay.create()).unwrap()
        assert (await bay.create()).success
        refused = await bay.create()
        assert refused.code == "Throttling"
        with pytest.raises(RateLimitError) as caught:
            refused.unwrap()
        assert caught.value.http_status == 429
        assert caught.value.retry_after is not None
        assert 80 < caught.value.retry_after <= 100
        assert server.throttled == 1
        assert (await session.call_mcp_tool("shell", {})).success


async def test_throttling_is_waited_for(connect: ConnectFunction) -> None:
    capacity = Capacity(rate=0.5)
    async with (
        RecordingServer(capacity=capacity) as server,
        connect(server.api_key, Config(endpoint=server.endpoint)) as bay,
    ):
        assert (await bay.create()).success
        assert (await bay.create()).success
        assert server.throttled >= 1
        assert server.counts["CreateMcpSession"] == 2 + server.throttled


async def test_latency_comes_before_the_deed(connect: ConnectFunction) -> None:
    capacity = Capacity(latency={"CreateMcpSession": 0.2})
    async with RecordingServer(capacity=capacity) as server, client(connect, server) as bay:
        started = anyio.current_time()
        session = (await bay.create()).unwrap()
        assert anyio.current_time() - started >= 0.2
        await session.call_mcp_tool("shell", {})
        assert server.sessions[session.session_id].calls == 1


async def test_many_sessions_without_a_record(connect: ConnectFunction) -> None:
    async def live() -> None:
        async with bay.session(params(batch="1")) as session:
            assert (await session.call_mcp_tool("shell", {"command": "true"})).success

    async with RecordingServer(record=False) as server, client(connect, server) as bay:
        async with anyio.create_task_group() as group:
            for _ in range(MANY):
                group.start_soon(live)
        assert (server.sessions, server.requests) == ({}, [])
        assert server.sessions_created == server.counts["shell"] == MANY


async def test_faults_go_before_everything(connect: ConnectFunction) -> None:
    plan = FaultPlan([FaultRule(Reset(processed=True), name="CreateMcpSession", nth=1)])
    async with RecordingServer(faults=plan) as server, client(connect, server) as bay:
        assert not (await bay.create()).success
        assert (await bay.create()).success
        assert server.sessions_created == 2
    assert plan.injected == {"reset": 1}


async def test_half_open_connections_end_with_the_server(connect: ConnectFunction) -> None:
    plan = FaultPlan([FaultRule(HalfOpen(), name="GetSession")])
    async with RecordingServer(faults=plan) as server:
        config = Config(endpoint=server.endpoint, retry=ONCE, timeout_ms=500)
        async with connect(server.api_key, config) as bay:
            assert not (await bay.get("s-1")).success
            started = anyio.current_time()
    assert anyio.current_time() - started < 5
    assert plan.injected == {"half_open": 1}


def test_faults_that_only_a_runtime_has() -> None:
    with pytest.raises(ConfigurationError, match="local runtime"):
        RecordingServer(faults=FaultPlan([FaultRule(SandboxKilled())]))


def test_a_bucket_fills_up_to_its_burst() -> None:
    now = 100.0
    bucket = TokenBucket(rate=4, burst=2, clock=lambda: now)
    assert [bucket.take(), bucket.take()] == [0, 0]
    assert math.isclose(bucket.take(), 0.25)
    now += 0.125
    assert math.isclose(bucket.take(), 0.125)
    now += 0.125
    assert bucket.take() == 0
    now += 1000
    assert [bucket.take(), bucket.take()] == [0, 0]
    assert bucket.take() > 0


@pytest.mark.parametrize(
    "wrong", [{"rate": 0}, {"burst": 0}, {"max_sessions": -1}, {"latency": {"shell": -1.0}}]
)
def test_impossible_capacities(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Capacity(**wrong)  # type: ignore[arg-type]  # wrong on purpose
