"""Connections that fail: the message says what was wrong and what to do, and nothing hangs."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence

import pytest
import trustme

from agentbay import (
    AgentBayError,
    AsyncAgentBay,
    AsyncSession,
    Config,
    ConfigurationError,
    ConnectError,
    ProtocolError,
    RateLimitError,
    RequestTimeoutError,
    ServerFaultError,
    SessionListResult,
    SessionResult,
    TransportError,
)
from tests.conftest import ConnectFunction
from tests.servers import ONCE, Answer, ScriptedServer, Then, http

OK = http(json.dumps({"RequestId": "r-1", "Success": True, "Data": {"SessionId": "s-1"}}))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def failures(bay: AsyncAgentBay) -> list[tuple[str, AgentBayError]]:
    """Make every kind of call; return the message and the exception of each failure."""
    results: list[SessionResult[AsyncSession] | SessionListResult] = [
        await bay.create(),
        await bay.get("s-1"),
        await bay.list(),
    ]
    assert not any(results)
    found = []
    for result in results:
        with pytest.raises(AgentBayError) as caught:
            result.unwrap()
        found.append((result.error_message, caught.value))
    return found


async def test_refused_connection(connect: ConnectFunction) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    async with connect("akm-x", Config(endpoint=endpoint)) as bay:
        for message, error in await failures(bay):
            assert isinstance(error, ConnectError)
            assert error.retryable
            assert endpoint in message
            assert "Check that the service runs" in message


async def test_unknown_host(connect: ConnectFunction) -> None:
    async with connect("akm-x", Config(endpoint="http://no-such-host.invalid:81")) as bay:
        for message, error in await failures(bay):
            assert isinstance(error, ConnectError)
            assert "no-such-host.invalid" in message
            assert "cannot be resolved" in message


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls_server(authority: trustme.CA) -> AsyncIterator[ScriptedServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    # Python 3.10 warns of a TLS transport that the other side closed, whatever the client does.
    async with ScriptedServer([Answer(OK, Then.KEEP)], tls=context).running() as server:
        yield server


async def test_untrusted_certificate(connect: ConnectFunction, tls_server: ScriptedServer) -> None:
    async with connect("akm-x", Config(endpoint=tls_server.endpoint)) as bay:
        for message, error in await failures(bay):
            assert isinstance(error, ConnectError)
            assert "TLS" in message
            assert "ca_file" in message


async def test_private_authority(
    connect: ConnectFunction,
    tls_server: ScriptedServer,
    authority: trustme.CA,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with connect("k", Config(endpoint=tls_server.endpoint, ca_file=ca_file)) as bay:
        assert (await bay.create()).unwrap().session_id == "s-1"


async def test_missing_certificate_file(connect: ConnectFunction) -> None:
    config = Config(endpoint="https://127.0.0.1:1", ca_file="/no/such/ca.pem")
    async with connect("akm-x", config) as bay:
        for message, error in await failures(bay):
            assert isinstance(error, ConfigurationError)
            assert "/no/such/ca.pem" in message
            assert "ca_file" in message


async def test_plain_http_where_tls_is_expected(connect: ConnectFunction) -> None:
    async with ScriptedServer([Answer(OK)]).running() as server:
        endpoint = server.endpoint.replace("http:", "https:")
        async with connect("akm-x", Config(endpoint=endpoint, timeout_ms=500)) as bay:
            with pytest.raises(TransportError):
                (await bay.create()).unwrap()


BROKEN: dict[str, tuple[Answer, type[AgentBayError], str]] = {
    "html": (Answer(http("<html>502</html>", 502)), ServerFaultError, "not JSON"),
    "html-200": (Answer(http("<html>Sign in</html>")), ProtocolError, "<html>Sign in"),
    "empty": (Answer(http("")), ProtocolError, "not JSON"),
    "list": (Answer(http("[1]")), ProtocolError, "not an object"),
    "wrong-data": (Answer(http('{"Success": true, "Data": 5}')), ProtocolError, "$"),
    "truncated": (Answer(http("{", length=50), Then.CLOSE), TransportError, "broke off"),
    "no-answer": (Answer(b"", Then.CLOSE), TransportError, "without an answer"),
    "reset": (Answer(b"", Then.RESET), TransportError, "connection"),
    "not-http": (Answer(b"220 smtp ready\r\n\r\n", Then.CLOSE), ProtocolError, "HTTP"),
    "half-a-header": (Answer(b"HTTP/1.1 200 OK\r\nContent-", Then.CLOSE), TransportError, ""),
    "server-fault": (
        Answer(http('{"Code": "X", "Message": "broken", "RequestId": "r-9"}', 500)),
        ServerFaultError,
        "r-9",
    ),
    "throttled": (
        Answer(http('{"Code": "Throttling.User", "Message": "slow down"}', 429, Retry_After="3")),
        RateLimitError,
        "slow down",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_answers(connect: ConnectFunction, name: str) -> None:
    answer, kind, text = BROKEN[name]
    async with (
        ScriptedServer([answer]).running() as server,
        connect("akm-secret", Config(endpoint=server.endpoint, timeout_ms=5000, retry=ONCE)) as bay,
    ):
        for message, error in await failures(bay):
            assert isinstance(error, kind), repr(error)
            shown = f"{message} {error}"
            assert text in shown
            assert "akm-secret" not in shown


async def test_throttling_says_how_long_to_wait(connect: ConnectFunction) -> None:
    refused = http('{"Code": "Busy", "Message": "m"}', 400, x_acs_retry_after="1500")
    async with (
        ScriptedServer([Answer(refused)]).running() as server,
        connect("k", Config(endpoint=server.endpoint, retry=ONCE)) as bay,
    ):
        with pytest.raises(AgentBayError) as caught:
            (await bay.create()).unwrap()
        assert caught.value.retry_after == 1.5  # type: ignore[attr-defined]  # a ServiceError


@pytest.mark.parametrize(
    "answer",
    [Answer(b"", Then.HANG), Answer(http("{", length=50), Then.HANG)],
    ids=["silent", "stuck-in-the-body"],
)
async def test_nothing_hangs(connect: ConnectFunction, answer: Answer) -> None:
    async with (
        ScriptedServer([answer]).running() as server,
        connect("k", Config(endpoint=server.endpoint, timeout_ms=200)) as bay,
    ):
        started = time.monotonic()
        for message, error in await failures(bay):
            assert isinstance(error, RequestTimeoutError)
            assert isinstance(error, TimeoutError)
            assert "0.2 s" in message
            assert "timeout_ms" in message
        assert time.monotonic() - started < 10


RECOVERING: Sequence[Answer] = (
    Answer(b"", Then.RESET),
    Answer(http("{", length=50), Then.CLOSE),
    Answer(http("nonsense"), Then.KEEP),
)


async def test_client_is_usable_after_failures(connect: ConnectFunction) -> None:
    async with (
        ScriptedServer([*RECOVERING, Answer(OK, Then.KEEP)]).running() as server,
        connect("k", Config(endpoint=server.endpoint)) as bay,
    ):
        assert not any([await bay.create() for _ in RECOVERING])
        assert (await bay.create()).unwrap().session_id == "s-1"


LINKED = {
    "SessionId": "s-1",
    "Token": "tok-secret",
    "ToolList": json.dumps([{"name": "shell", "server": "wuying_shell"}]),
}

LINK_ANSWERS = {
    "status": (Answer(http("oops", 503)), "HTTP request failed with code: 503"),
    "explained": (
        Answer(http('{"message": "The token has expired"}', 401)),
        "HTTP request failed with code: 401. The token has expired",
    ),
    "no-data": (Answer(http('{"ok": 1}')), "No data field in LinkUrl response"),
    "wrong-data": (Answer(http('{"data": 5}')), "Invalid data field type in LinkUrl response"),
    "no-result": (Answer(http('{"data": {"result": 5}}')), "No result field in LinkUrl response"),
    "not-json": (Answer(http("<html>")), "HTTP request failed: "),
    "dropped": (Answer(b"", Then.CLOSE), "HTTP request failed: "),
    "truncated": (Answer(http("{", length=99), Then.CLOSE), "HTTP request failed: "),
}


@pytest.mark.parametrize("name", LINK_ANSWERS)
async def test_broken_direct_answers(connect: ConnectFunction, name: str) -> None:
    answer, text = LINK_ANSWERS[name]
    async with ScriptedServer([answer]).running() as link:
        data = {**LINKED, "LinkUrl": link.endpoint}
        created = http(json.dumps({"Success": True, "Data": data}))
        async with (
            ScriptedServer([Answer(created)]).running() as server,
            connect("k", Config(endpoint=server.endpoint)) as bay,
        ):
            session = (await bay.create()).unwrap()
            result = await session.call_mcp_tool("shell", {"command": "true"})
            assert not result.success
            assert result.error_message.startswith(text)
            assert "tok-secret" not in result.error_message
            assert result.request_id.startswith("link-")
            command = await session.command.execute_command("true")
            assert not command.success, "a lost answer is never a success"
            with pytest.raises(AgentBayError):
                command.unwrap()


async def test_direct_answer_shapes(connect: ConnectFunction) -> None:
    content = [{"type": "text", "text": "hello"}]
    result = {"result": {"content": content, "isError": False}}
    shapes = [
        {"data": result},
        {"data": json.dumps(result)},
        {"data": {"result": {"content": ["hello"]}}},
        {"data": {"result": {"content": [{"blob": "hello"}]}}},
    ]
    answers = [Answer(http(json.dumps(shape)), Then.KEEP) for shape in shapes]
    async with ScriptedServer(answers).running() as link:
        data = {**LINKED, "LinkUrl": f"{link.endpoint}/s-1/"}
        created = http(json.dumps({"Success": True, "Data": data}))
        async with (
            ScriptedServer([Answer(created)]).running() as server,
            connect("k", Config(endpoint=server.endpoint)) as bay,
        ):
            session = (await bay.create()).unwrap()
            for _ in shapes:
                called = await session.call_mcp_tool("shell", {"command": "true"})
                assert called.data == "hello"
        head, _, body = link.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /s-1/callTool HTTP/1.1")
        assert b"X-Access-Token: tok-secret" in head
        assert b"application/json" in head
        sent = json.loads(body)
        assert sent.pop("requestId").startswith("link-")
        assert sent == {
            "args": {"command": "true"},
            "server": "wuying_shell",
            "tool": "shell",
            "token": "tok-secret",
        }
