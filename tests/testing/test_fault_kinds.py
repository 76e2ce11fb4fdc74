"""What each kind of fault is to a real client, and that the client works afterwards.

Each happens to a server that injects it itself, and to one behind a proxy.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import anyio
import pytest

from agentbay import (
    AgentBayError,
    AsyncAgentBay,
    AuthenticationError,
    Config,
    ConnectError,
    ProtocolError,
    RateLimitError,
    RequestTimeoutError,
    ServerFaultError,
    TransportError,
)
from agentbay.config import RetryPolicy
from agentbay.testing import RecordingServer, Route
from agentbay.testing.faults import (
    Cut,
    Delay,
    ExpiredToken,
    Fault,
    FaultPlan,
    FaultProxy,
    FaultRule,
    Garbage,
    HalfOpen,
    Refused,
    Reset,
    ServerError,
    Slow,
    Throttled,
    Truncated,
)
from agentbay.testing.faults.requests import RequestFacts
from agentbay.testing.faults.rules import RuleState
from tests.conftest import ConnectFunction
from tests.local.wire import until

ONCE = RetryPolicy(max_attempts=1)
# Of calls that are to time out; everything else takes milliseconds.
SHORT_MS = 700


def once(fault: Fault, name: str = "") -> FaultPlan:
    return FaultPlan([FaultRule(fault, name=name, times=1)])


@contextlib.asynccontextmanager
async def served(
    place: str, plan: FaultPlan, route: Route = Route.API, *, channel: bool = False
) -> AsyncIterator[tuple[RecordingServer, str]]:
    """Run a server that misbehaves, by itself or because of what is in front of it."""
    if place == "server":
        async with RecordingServer(route=route, channel=channel, faults=plan) as server:
            yield server, server.endpoint
        return
    async with (
        RecordingServer(route=route, channel=channel) as server,
        FaultProxy(server.endpoint, plan) as proxy,
    ):
        yield server, proxy.endpoint


def client(
    connect: ConnectFunction, server: RecordingServer, endpoint: str, timeout_ms: int = 20_000
) -> AsyncAgentBay:
    config = Config(endpoint=endpoint, retry=ONCE, timeout_ms=timeout_ms)
    return connect(server.api_key, config)


PLACES = pytest.mark.parametrize("place", ["server", "proxy"])
FAILURES: dict[str, tuple[Fault, type[AgentBayError]]] = {
    "reset": (Reset(), TransportError),
    "half-open": (HalfOpen(), RequestTimeoutError),
    "html": (Garbage(), ProtocolError),
    "html-error": (Garbage(status=502), ServerFaultError),
    "noise": (Garbage(http=False), ProtocolError),
    "throttled": (Throttled(), RateLimitError),
    "throttled-inside": (Throttled(inside=True), RateLimitError),
    "expired": (ExpiredToken(), AuthenticationError),
    **{f"{status}": (ServerError(status), ServerFaultError) for status in range(500, 505)},
}


@PLACES
@pytest.mark.parametrize("name", FAILURES)
async def test_a_request_that_was_not_processed(
    connect: ConnectFunction, place: str, name: str
) -> None:
    fault, expected = FAILURES[name]
    plan = once(fault)
    async with served(place, plan) as (server, endpoint):
        timeout = SHORT_MS if expected is RequestTimeoutError else 20_000
        async with client(connect, server, endpoint, timeout) as bay:
            with pytest.raises(expected):
                (await bay.create()).unwrap()
            assert server.sessions_created == 0
            assert (await bay.create()).success
            assert plan.injected == {fault.kind: 1}


PROCESSED: dict[str, tuple[Fault, type[AgentBayError]]] = {
    "reset": (Reset(processed=True), TransportError),
    "half-open": (HalfOpen(processed=True), RequestTimeoutError),
    "html": (Garbage(processed=True), ProtocolError),
    "noise": (Garbage(http=False, processed=True), ProtocolError),
    "server-error": (ServerError(502, processed=True), ServerFaultError),
    "truncated": (Truncated(), TransportError),
    "truncated-late": (Truncated(1_000_000), TransportError),
}


@PLACES
@pytest.mark.parametrize("name", PROCESSED)
async def test_a_request_that_was_processed(
    connect: ConnectFunction, place: str, name: str
) -> None:
    fault, expected = PROCESSED[name]
    plan = once(fault, "GetLabel")
    async with served(place, plan) as (server, endpoint):
        timeout = SHORT_MS if expected is RequestTimeoutError else 20_000
        async with client(connect, server, endpoint, timeout) as bay:
            session = (await bay.create()).unwrap()
            with pytest.raises(AgentBayError) as caught:
                await session.get_labels()
            assert expected in {type(error) for error in chain(caught.value)}
            assert server.counts["GetLabel"] == 1
            await session.get_labels()
            assert server.counts["GetLabel"] == 2
    assert plan.injected == {fault.kind: 1}


def chain(error: BaseException | None) -> list[BaseException]:
    """Return an exception and its causes."""
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__
    return found


@PLACES
async def test_a_throttled_client_is_told_when_to_come_again(
    connect: ConnectFunction, place: str
) -> None:
    plan = FaultPlan(
        [
            FaultRule(Throttled(7), nth=1),
            FaultRule(Throttled(0.25, header="x-acs-retry-after"), nth=2),
            FaultRule(Throttled(None), nth=3),
        ]
    )
    async with (
        served(place, plan) as (server, endpoint),
        client(connect, server, endpoint) as bay,
    ):
        for expected in (7.0, 0.25, None):
            with pytest.raises(RateLimitError) as caught:
                (await bay.create()).unwrap()
            assert caught.value.retry_after == expected


@PLACES
async def test_late_and_slow_answers_are_whole(connect: ConnectFunction, place: str) -> None:
    late, slow = 0.3, 20_000.0
    plan = FaultPlan(
        [
            FaultRule(Delay(late), nth=1),
            FaultRule(Delay(late, processed=False), nth=2),
            FaultRule(Slow(slow), nth=3),
        ],
    )
    async with (
        served(place, plan) as (server, endpoint),
        client(connect, server, endpoint) as bay,
    ):
        for least in (late, late, 0.1):  # of the reply, thousands of bytes list the tools
            started = time.monotonic()
            assert (await bay.create()).success
            assert time.monotonic() - started > least
    assert plan.injected == {"delay": 2, "slow": 1}


@pytest.mark.parametrize(
    ("place", "route"),
    [
        ("server", Route.API),
        ("server", Route.LINK),
        ("server", Route.VPC),
        ("proxy", Route.API),
        ("proxy", Route.LINK),
    ],
)
async def test_tools_on_each_route(connect: ConnectFunction, place: str, route: Route) -> None:
    """A rule counts the calls of its tool on whichever route, or all that take its route."""
    plan = FaultPlan(
        [
            FaultRule(Reset(), name="shell", nth=1),
            FaultRule(ExpiredToken(), route=route.value, name="CallMcpTool", nth=2),
        ]
    )
    async with (
        served(place, plan, route) as (server, endpoint),
        client(connect, server, endpoint) as bay,
    ):
        session = (await bay.create()).unwrap()
        for _ in range(2):
            result = await session.call_mcp_tool("shell", {"command": "true"})
            assert not result.success
            assert result.error_message
        assert (await session.call_mcp_tool("shell", {"command": "true"})).success
        assert [call.route for call in server.calls] == [route]
    assert plan.injected == {"reset": 1, "expired_token": 1}


async def test_refused(connect: ConnectFunction) -> None:
    plan = once(Refused(60), "CreateMcpSession")
    async with (
        RecordingServer() as server,
        FaultProxy(server.endpoint, plan) as proxy,
        client(connect, server, proxy.endpoint) as bay,
    ):
        with pytest.raises(TransportError):
            (await bay.create()).unwrap()
        for _ in range(2):
            with pytest.raises(ConnectError):
                (await bay.create()).unwrap()
        await proxy.accept()
        assert (await bay.create()).success
        assert server.sessions_created == 1


async def test_refused_for_a_while(connect: ConnectFunction) -> None:
    """Repeated for long enough, the request gets through."""
    async with (
        RecordingServer() as server,
        FaultProxy(server.endpoint, once(Refused(0.1))) as proxy,
        connect(
            server.api_key,
            Config(
                endpoint=proxy.endpoint,
                retry=RetryPolicy(max_attempts=100, base_delay=0.05, max_delay=0.1),
            ),
        ) as bay,
    ):
        assert (await bay.list()).success
        assert proxy.plan.injected == {"refused": 1}


@pytest.mark.parametrize("after", [0, 1, 40])
async def test_a_websocket_is_cut(connect: ConnectFunction, after: int) -> None:
    plan = once(Cut(after))
    async with (
        served("server", plan, channel=True) as (server, endpoint),
        client(connect, server, endpoint) as bay,
    ):
        (await bay.create()).unwrap()
        assert plan.injected == {}
        received = await bytes_of_websocket(server)
        assert len(received) == after
    assert plan.injected == {"cut": 1}


async def bytes_of_websocket(server: RecordingServer) -> bytes:
    """Ask for what a WebSocket has to say; return the bytes after the handshake, to their end."""
    session_id = next(iter(server.sessions))
    lines = [
        f"GET /ws/{session_id} HTTP/1.1",
        "Host: 127.0.0.1",
        f"X-Access-Token: {server.token}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    port = int(server.endpoint.rpartition(":")[2])
    received = b""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        with anyio.fail_after(10), contextlib.suppress(anyio.EndOfStream):
            await stream.send("\r\n".join([*lines, "", ""]).encode())
            while b"\r\n\r\n" not in received:
                received += await stream.receive()
            await server.push("test", {"text": "x" * 100})
            while True:
                received += await stream.receive()
    return received.partition(b"\r\n\r\n")[2]


def test_the_counting_of_matches() -> None:
    """`times` counts faults, `nth` and `every` the requests that match."""
    request = RequestFacts("api", ("ListSession",))

    def fired(rule: FaultRule) -> list[int]:
        state = RuleState.begin(rule, 0, 0)
        hits = []
        for number in range(1, 10):
            if state.fires(request):
                state.injected += 1
                hits.append(number)
        return hits

    assert fired(FaultRule(Reset())) == list(range(1, 10))
    assert fired(FaultRule(Reset(), nth=3)) == [3]
    assert fired(FaultRule(Reset(), every=4)) == [4, 8]
    assert fired(FaultRule(Reset(), every=2, times=2)) == [2, 4]
    assert fired(FaultRule(Reset(), probability=0.0)) == []
    assert fired(FaultRule(Reset(), name="GetLabel")) == []


@PLACES
async def test_the_same_requests_have_the_same_fate(connect: ConnectFunction, place: str) -> None:
    fates = []
    for seed in (5, 5, 6):
        plan = FaultPlan.random(
            seed, reset=0.15, server_error=0.15, throttled=0.15, truncated=0.15, garbage=0.15
        )
        async with (
            served(place, plan) as (server, endpoint),
            client(connect, server, endpoint) as bay,
        ):
            results = [await bay.list() for _ in range(60)]
        fates.append([type(result.exception) for result in results])
        assert 10 < plan.injected.total() < 50
    assert fates[0] == fates[1] != fates[2]


@PLACES
async def test_what_the_service_itself_refuses(place: str) -> None:
    """Pages that are not there have answers to be tampered with like all others."""
    plan = FaultPlan([FaultRule(Truncated(3), route="other"), FaultRule(Delay(0))])
    async with served(place, plan) as (_, endpoint), aiohttp.ClientSession() as http:
        async with http.get(f"{endpoint}/nowhere") as answer:
            assert answer.status == 404
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        async with http.get(f"{endpoint}/contexts/nowhere") as answer:
            assert (answer.status, await answer.text()) == (404, "404: Not Found")
    assert plan.injected == {"truncated": 1, "delay": 1}


@PLACES
async def test_an_answer_without_a_body(place: str) -> None:
    """What is asked for its head only leaves no body behind for the next request."""
    async with (
        served(place, once(ExpiredToken())) as (_, endpoint),
        aiohttp.ClientSession() as http,
    ):
        async with http.head(f"{endpoint}/contexts/file") as answer:
            assert answer.status == 403
        async with http.get(f"{endpoint}/contexts/file") as answer:
            assert (answer.status, await answer.text()) == (404, "404: Not Found")


async def test_a_client_that_does_not_wait(caplog: pytest.LogCaptureFixture) -> None:
    """It is no error of the server's, whatever was to happen to the answer."""
    faults = (Delay(0.2), Delay(0.2, processed=False), Slow(10), HalfOpen(processed=True))
    plan = FaultPlan(FaultRule(fault, nth=nth) for nth, fault in enumerate(faults, 1))
    async with served("proxy", plan) as (_, endpoint):
        port = int(endpoint.rpartition(":")[2])
        for _fault in faults:
            before = plan.injected.total()
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                await until(partial(_more_than, plan, before))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def _more_than(plan: FaultPlan, before: int) -> bool:
    return plan.injected.total() > before
