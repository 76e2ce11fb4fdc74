"""What is sent again, how often, after what pauses, and what is never sent twice."""

from __future__ import annotations

import email.utils
import json
import time
from urllib.parse import parse_qsl

import pytest

from agentbay import Config, RetryPolicy
from agentbay._wire.catalogue import REQUESTS
from agentbay.errors import ConfigurationError, RateLimitError, TransportError
from tests.conftest import ConnectFunction
from tests.servers import Answer, ScriptedServer, Then, http

NOT_FOUND = http(json.dumps({"Code": "InvalidMcpSession.NotFound", "Message": "gone"}), 404)
CREATED = http(json.dumps({"Success": True, "Data": {"Success": True, "SessionId": "s-1"}}))
LISTED = http(json.dumps({"Success": True, "Data": [], "TotalCount": 0}))
QUICK = RetryPolicy(base_delay=0.01)

NEVER_TWICE = {"CallMcpTool", "CreateMcpSession", "CreateNetwork", "InitBrowser"}


def throttled(**headers: str) -> bytes:
    body = json.dumps({"Code": "Throttling", "Message": "slow down"})
    return http(body, 429, length=None, **headers)


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def nonce_of(request: bytes) -> str:
    query = request.split(b" ", 2)[1].decode().partition("?")[2]
    return dict(parse_qsl(query))["SignatureNonce"]


def test_each_action_says_whether_it_may_be_sent_twice() -> None:
    assert {name for name, kind in REQUESTS.items() if not kind.idempotent} == NEVER_TWICE


@pytest.mark.parametrize(
    "failure",
    [
        Answer(http("busy", 502)),
        Answer(http("busy", 503)),
        Answer(http("busy", 504)),
        Answer(throttled()),
        Answer(http(json.dumps({"Success": False, "Code": "Throttling.User"}))),
        Answer(then=Then.CLOSE),
        Answer(then=Then.RESET),
        Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", then=Then.RESET),
    ],
    ids=["502", "503", "504", "429", "throttled-in-200", "closed", "reset", "torn"],
)
async def test_a_read_is_repeated_until_it_succeeds(
    connect: ConnectFunction, failure: Answer
) -> None:
    async with (
        ScriptedServer([failure, failure, Answer(LISTED)]).running() as server,
        connect("akm-x", Config(endpoint=server.endpoint, retry=QUICK)) as bay,
    ):
        listed = await bay.list()
        assert listed.success, listed.error_message
        first, second, third = server.requests
        assert "x-acs-retry-attempts" not in headers_of(first)
        assert headers_of(second)["x-acs-retry-attempts"] == "1"
        assert headers_of(third)["x-acs-retry-attempts"] == "2"
        assert len({nonce_of(request) for request in server.requests}) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 501])
async def test_what_will_not_pass_is_not_repeated(connect: ConnectFunction, status: int) -> None:
    async with (
        ScriptedServer([Answer(http("{}", status))]).running() as server,
        connect("akm-x", Config(endpoint=server.endpoint, retry=QUICK)) as bay,
    ):
        assert not (await bay.list()).success
        assert len(server.requests) == 1


async def test_attempts_are_counted(connect: ConnectFunction) -> None:
    for attempts in (1, 3):
        policy = RetryPolicy(max_attempts=attempts, base_delay=0)
        async with (
            ScriptedServer([Answer(http("busy", 503))]).running() as server,
            connect("akm-x", Config(endpoint=server.endpoint, retry=policy)) as bay,
        ):
            listed = await bay.list()
            assert "HTTP 503" in listed.error_message
            assert len(server.requests) == attempts


@pytest.mark.parametrize(
    "failure",
    [Answer(then=Then.CLOSE), Answer(then=Then.RESET), Answer(http("busy", 503))],
    ids=["closed", "reset", "503"],
)
async def test_a_create_that_may_have_been_done_is_not_repeated(
    connect: ConnectFunction, failure: Answer
) -> None:
    async with (
        ScriptedServer([failure, Answer(CREATED)]).running() as server,
        connect("akm-x", Config(endpoint=server.endpoint, retry=QUICK)) as bay,
    ):
        assert not (await bay.create()).success
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        throttled(),
        http(json.dumps({"Code": "Busy", "Message": "m"}), 400, x_acs_retry_after="5"),
        http(json.dumps({"Success": False, "Code": "Throttling.User", "Message": "m"})),
    ],
    ids=["429", "any-with-a-time", "in-200"],
)
async def test_a_create_that_was_refused_as_too_many_is_repeated(
    connect: ConnectFunction, refusal: bytes
) -> None:
    async with (
        ScriptedServer([Answer(refusal), Answer(CREATED)]).running() as server,
        connect("akm-x", Config(endpoint=server.endpoint, retry=QUICK)) as bay,
    ):
        created = await bay.create()
        assert created.success, created.error_message
        assert len(server.requests) == 2


@pytest.mark.parametrize("route", ["link", "vpc", "api"])
@pytest.mark.parametrize(
    ("failure", "requests"),
    [(Answer(then=Then.RESET), 1), (Answer(http("{}", 503)), 1), (Answer(throttled()), 4)],
    ids=["reset", "503", "429"],
)
async def test_a_tool_call_is_repeated_only_if_it_was_refused_as_too_many(
    connect: ConnectFunction, route: str, failure: Answer, requests: int
) -> None:
    async with ScriptedServer([failure]).running() as tools:
        facts: dict[str, object] = {"Success": True, "SessionId": "s-1"}
        facts["ToolList"] = json.dumps([{"name": "shell", "server": "wuying_shell"}])
        if route == "link":
            facts |= {"LinkUrl": tools.endpoint, "Token": "t"}
        if route == "vpc":
            facts |= {"VpcResource": True, "NetworkInterfaceIp": "127.0.0.1"}
            facts |= {"HttpPort": str(tools.port), "Token": "t"}
        created = http(json.dumps({"Success": True, "Data": facts}))
        answers = [Answer(created, Then.KEEP), *[failure] * 9]
        async with (
            ScriptedServer(answers).running() as server,
            connect("akm-x", Config(endpoint=server.endpoint, retry=QUICK)) as bay,
        ):
            session = (await bay.create()).unwrap()
            assert not (await session.call_mcp_tool("shell", {"command": "true"})).success
            asked = server.requests[1:] if route == "api" else tools.requests
            assert len(asked) == requests


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "1"}, 1.0),
        ({"x-acs-retry-after": "700"}, 0.7),
        ({"Retry-After": "5", "x-acs-retry-after": "600"}, 0.6),
    ],
)
async def test_the_time_that_is_asked_for_is_waited(
    connect: ConnectFunction, headers: dict[str, str], seconds: float
) -> None:
    async with (
        ScriptedServer([Answer(throttled(**headers)), Answer(LISTED)]).running() as server,
        connect("akm-x", Config(endpoint=server.endpoint, retry=QUICK)) as bay,
    ):
        started = time.monotonic()
        assert (await bay.list()).success
        assert time.monotonic() - started >= seconds


async def test_a_date_may_be_asked_for(connect: ConnectFunction) -> None:
    date = email.utils.formatdate(time.time() + 3, usegmt=True)
    async with (
        ScriptedServer([Answer(throttled(Retry_After=date)), Answer(LISTED)]).running() as server,
        connect("akm-x", Config(endpoint=server.endpoint, retry=QUICK)) as bay,
    ):
        started = time.monotonic()
        assert (await bay.list()).success
        assert time.monotonic() - started >= 1.5  # dates have whole seconds


async def test_a_time_beyond_the_deadline_is_not_waited(connect: ConnectFunction) -> None:
    config = Config(timeout_ms=5000, retry=QUICK)
    async with ScriptedServer([Answer(throttled(Retry_After="3600"))]).running() as server:
        config.endpoint = server.endpoint
        async with connect("akm-x", config) as bay:
            started = time.monotonic()
            listed = await bay.list()
            assert time.monotonic() - started < 4
            assert isinstance(listed.exception, RateLimitError)
            assert listed.exception.retry_after == 3600
            assert len(server.requests) == 1


async def test_a_connection_that_is_dead_costs_a_third_of_the_deadline(
    connect: ConnectFunction,
) -> None:
    config = Config(timeout_ms=6000, retry=QUICK)
    async with ScriptedServer([Answer(then=Then.HANG), Answer(LISTED)]).running() as server:
        config.endpoint = server.endpoint
        async with connect("akm-x", config) as bay:
            started = time.monotonic()
            assert (await bay.list()).success
            assert 1.9 < time.monotonic() - started < 5


async def test_all_attempts_share_the_deadline(connect: ConnectFunction) -> None:
    config = Config(timeout_ms=900, retry=RetryPolicy(max_attempts=50, base_delay=0.01))
    async with ScriptedServer([Answer(then=Then.HANG)]).running() as server:
        config.endpoint = server.endpoint
        async with connect("akm-x", config) as bay:
            started = time.monotonic()
            listed = await bay.list()
            assert time.monotonic() - started < 3
            assert isinstance(listed.exception, TransportError)
            assert "within 0.9 s" in listed.error_message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"max_attempts": 0}, "RetryPolicy(max_attempts=0)"),
        ({"max_attempts": 1.5}, "RetryPolicy(max_attempts=1.5)"),
        ({"max_attempts": True}, "RetryPolicy(max_attempts=True)"),
        ({"base_delay": -1}, "RetryPolicy(base_delay=-1)"),
        ({"base_delay": "1"}, "RetryPolicy(base_delay='1')"),
        ({"max_delay": float("nan")}, "RetryPolicy(max_delay=nan)"),
        ({"max_delay": float("inf")}, "RetryPolicy(max_delay=inf)"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RetryPolicy(**wrong)  # type: ignore[arg-type]
    assert str(caught.value).startswith(said)
    assert "give a finite number" in str(caught.value)
