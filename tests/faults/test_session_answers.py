"""What every member of client and session makes of each answer: the exact words."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import anyio
import pytest

from agentbay import (
    AsyncAgentBay,
    AsyncSession,
    Config,
    CreateSessionParams,
    ExtraConfigs,
    MobileExtraConfig,
    MobileSimulateConfig,
    ProtocolError,
    ServiceError,
    SessionError,
)
from tests.conftest import ConnectFunction
from tests.servers import ONCE, Answer, ScriptedServer, Then, http

NOT_FOUND = {
    "Code": "InvalidMcpSession.NotFound",
    "Message": "Resource [McpSession] is not found.",
    "RequestId": "r-404",
}
REFUSED = {"RequestId": "r-no", "Success": False, "Code": "Busy", "Message": "try later"}
CREATED = {"RequestId": "r-1", "Success": True, "Data": {"SessionId": "s-1"}}
STARTED = {"RequestId": "r-start", "Success": True}


def ok(body: object) -> Answer:
    return Answer(http(json.dumps(body)), Then.KEEP)


def fault(body: object, status: int = 400) -> Answer:
    return Answer(http(json.dumps(body), status), Then.KEEP)


def state(status: str | None, request_id: str = "r-poll") -> Answer:
    return ok({"RequestId": request_id, "Success": True, "Data": {"Status": status}})


@contextlib.asynccontextmanager
async def scripted_bay(connect: ConnectFunction, *answers: Answer) -> AsyncIterator[AsyncAgentBay]:
    async with (
        ScriptedServer(answers).running() as server,
        connect("akm-secret", Config(endpoint=server.endpoint, timeout_ms=5000, retry=ONCE)) as bay,
    ):
        yield bay


@contextlib.asynccontextmanager
async def scripted(connect: ConnectFunction, *answers: Answer) -> AsyncIterator[AsyncSession]:
    async with scripted_bay(connect, ok(CREATED), *answers) as bay:
        yield (await bay.create()).unwrap()


CREATE: Mapping[str, tuple[Answer, str]] = {
    "refused": (ok(REFUSED), "[Busy] try later"),
    "refused-silently": (ok({"Success": False, "Code": "Busy"}), "[Busy] Unknown error"),
    "body-no-object": (ok([1]), "Invalid response format: 'body' field is not a dictionary"),
    "no-data": (ok({"Success": True}), "Invalid response format: 'Data' field is not a dictionary"),
    "data-no-object": (
        ok({"Success": True, "Data": [1]}),
        "Invalid response format: 'Data' field is not a dictionary",
    ),
    "data-failed": (ok({"Data": {"Success": False}}), "Session creation failed"),
    "data-says-why": (ok({"Data": {"Success": False, "ErrMsg": "no room"}}), "no room"),
    "no-id": (ok({"Data": {"Token": "t"}}), "SessionId not found in response"),
    "http-400": (
        fault({"Code": "Bad", "Message": "wrong", "RequestId": "r-9"}),
        "Failed to create session: Bad: wrong (HTTP 400, request id r-9)",
    ),
}


@pytest.mark.parametrize("name", CREATE)
async def test_create(connect: ConnectFunction, name: str) -> None:
    answer, message = CREATE[name]
    async with scripted_bay(connect, answer) as bay:
        result = await bay.create()
        assert not result.success
        assert result.session is None
        assert result.error_message == message
        with pytest.raises(SessionError if result.exception is None else type(result.exception)):
            result.unwrap()


async def test_create_that_cannot_be_sent(connect: ConnectFunction) -> None:
    mobile = MobileExtraConfig(simulate_config=MobileSimulateConfig())
    wrong: Any = {"a": object()}
    async with scripted_bay(connect, ok(CREATED)) as bay:
        params = CreateSessionParams(extra_configs=ExtraConfigs(mobile))
        problem = (await bay.create(params)).error_message
        assert problem == "Unexpected error creating session: simulate_path is required"
        problem = (await bay.create(CreateSessionParams(labels=wrong))).error_message
        assert problem.startswith("Unexpected error creating session: A parameter of Create")


GET: Mapping[str, tuple[Answer, str, str]] = {
    "missing": (fault(NOT_FOUND), "Session s-1 not found", "InvalidMcpSession.NotFound"),
    "refused": (ok(REFUSED), "[Busy] try later", "Busy"),
    "refused-without-code": (ok({"Success": False}), "", ""),
    "fault": (
        fault({"Code": "X", "Message": "m", "RequestId": "r"}, 500),
        "Failed to get session s-1: X: m (HTTP 500, request id r)",
        "X",
    ),
}


@pytest.mark.parametrize("name", GET)
async def test_get_and_get_session(connect: ConnectFunction, name: str) -> None:
    answer, message, code = GET[name]
    async with scripted_bay(connect, answer) as bay:
        found = await bay.get_session("s-1")
        assert (found.success, found.data, found.error_message) == (False, None, message)
        assert found.code == code
        attached = await bay.get("s-1")
        assert attached.error_message == f"Failed to get session s-1: {message}"
        assert attached.code == code


async def test_get_session_that_cannot_be_read(connect: ConnectFunction) -> None:
    async with scripted_bay(connect, ok({"Success": True, "Data": 5})) as bay:
        found = await bay.get_session("s-1")
        assert found.error_message.startswith("Failed to parse response: ")
    async with scripted(connect, ok({"Success": True, "Data": 5})) as session:
        status = await session.get_status()
        assert status.error_message.startswith("Failed to parse response: ")


async def test_get_session_tells_everything(connect: ConnectFunction) -> None:
    contexts = [{"id": "c-1", "name": "file-transfer-context-1"}, {"id": "c-2", "name": "other"}]
    data = {
        "SessionId": "s-1",
        "Status": "RUNNING",
        "Token": "tok-secret",
        "VpcResource": True,
        "NetworkInterfaceIp": "10.0.0.1",
        "HttpPort": "8080",
        "VpcIp": "10.0.0.2",
        "VpcId": "v-1",
        "ToolList": '[{"name":"shell","server":"w"}]',
        "contexts": contexts,
    }
    async with scripted_bay(connect, ok({"RequestId": "r", "Success": True, "Data": data})) as bay:
        found = (await bay.get_session("s-1")).unwrap()
        assert (found.status, found.contexts, found.vpc_id) == ("RUNNING", contexts, "v-1")
        assert json.loads(found.tool_list)[0]["name"] == "shell"
        assert "tok-secret" not in repr(found)
        session = (await bay.get("s-1")).unwrap()
        assert session.is_vpc
        assert (session.network_interface_ip, session.http_port) == ("10.0.0.1", "8080")
        assert (session.vpc_ip, session.vpc_id) == ("10.0.0.2", "v-1")
        assert session.file_transfer_context_id == "c-1"
        assert session.record_context_id is None
        assert session.mcpTools is session.mcp_tools


async def test_list(connect: ConnectFunction) -> None:
    async with scripted_bay(connect, ok(REFUSED)) as bay:
        assert (await bay.list()).error_message == "Failed to list sessions: try later"
        assert (await bay.list(page=2)).error_message == "Cannot reach page 2: try later"
    async with scripted_bay(connect, ok({"Success": False, "Code": "Busy"})) as bay:
        failed = await bay.list(limit=7)
        assert failed.error_message == "Failed to list sessions: Busy"
        assert (failed.session_ids, failed.next_token, failed.max_results) == ([], "", 7)


async def test_list_all_raises_what_it_cannot_list(connect: ConnectFunction) -> None:
    page = {"Success": True, "Data": [{"SessionId": "s-1"}], "NextToken": "2", "MaxResults": 1}
    async with scripted_bay(connect, ok(page), ok(REFUSED)) as bay:
        listed = bay.list_all()
        first = await anext(listed)
        assert (first, first.status) == ("s-1", "UNKNOWN")
        with pytest.raises(ServiceError, match="Busy: try later"):
            await anext(listed)
        await listed.close()
        assert [item async for item in listed] == []


async def test_list_all_does_not_go_in_circles(connect: ConnectFunction) -> None:
    page = {"Success": True, "Data": [{"SessionId": "s-1"}], "NextToken": "2", "MaxResults": 1}
    async with scripted_bay(connect, ok(page)) as bay:
        with pytest.raises(ProtocolError, match="the same page"):
            _ = [item async for item in bay.list_all()]


LABELS_PROBLEM = "Please provide a valid labels object."
INVALID = f"Labels cannot be null, undefined, or invalid type. {LABELS_PROBLEM}"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, INVALID),
        ([], f"Labels cannot be an array. {LABELS_PROBLEM}"),
        ("a=b", INVALID),
        ({}, "Labels cannot be empty. Please provide at least one label."),
        ({"": "v"}, "Label keys cannot be empty Please provide valid keys."),
        ({" ": ""}, "Label keys cannot be empty Please provide valid keys."),
        ({"k": ""}, "Label values cannot be empty Please provide valid values."),
        ({"k": None, "": ""}, "Label values cannot be empty Please provide valid values."),
    ],
    ids=str,
)
async def test_labels_are_checked_before_any_request(
    connect: ConnectFunction, labels: Any, message: str
) -> None:
    async with scripted(connect, Answer()) as session:
        result = await session.set_labels(labels)
        assert (result.success, result.request_id, result.error_message) == (False, "", message)


ASK: Mapping[str, tuple[Callable[[AsyncSession], Awaitable[Any]], str]] = {
    "set_labels": (lambda s: s.set_labels({"a": "b"}), "Failed to set labels for session s-1: "),
    "get_labels": (lambda s: s.get_labels(), "Failed to get labels for session s-1: "),
    "info": (lambda s: s.info(), "Failed to get session info for session s-1: "),
    "get_link": (lambda s: s.get_link(), "Failed to get link: "),
    "get_link_async": (lambda s: s.get_link_async(), "Failed to get link asynchronously: "),
    "list_mcp_tools": (lambda s: s.list_mcp_tools(), "Failed to list MCP tools: "),
}


@pytest.mark.parametrize("name", ASK)
async def test_members_that_raise(connect: ConnectFunction, name: str) -> None:
    ask, prefix = ASK[name]
    async with scripted(connect, fault({"Code": "X", "Message": "m"}, 500)) as session:
        with pytest.raises(SessionError) as caught:
            await ask(session)
        assert str(caught.value) == f"{prefix}X: m (HTTP 500)"


@pytest.mark.parametrize("name", ASK)
async def test_refusals_with_http_200_are_results(connect: ConnectFunction, name: str) -> None:
    async with scripted(connect, ok(REFUSED)) as session:
        result = await ASK[name][0](session)
        assert not result.success
        assert result.error_message == "[Busy] try later"
        assert result.request_id == "r-no"


async def test_labels_and_links_that_arrive(connect: ConnectFunction) -> None:
    labels = {"RequestId": "r-l", "Success": True, "Data": {"Labels": '{"a": "b"}'}}
    link = {"Success": True, "Data": {"Url": "https://gw.example/x?token=t-secret"}}
    async with scripted(
        connect, ok(STARTED), ok(labels), ok(STARTED), ok(link), ok({**link, "Data": "{}"})
    ) as session:
        assert (await session.set_labels({"a": "b"})).unwrap() is None
        assert (await session.get_labels()).data == {"a": "b"}
        assert (await session.get_labels()).data == {}
        found = await session.get_link("https", 30100)
        assert found.data == "https://gw.example/x?token=t-secret"
        assert "t-secret" not in repr(found)
        assert (await session.get_link()).data == ""


@pytest.mark.parametrize("port", [30099, 30200, 80, -1, "30100", 30100.5, True])
@pytest.mark.parametrize("name", ["get_link", "get_link_async"])
async def test_port_out_of_range(connect: ConnectFunction, name: str, port: Any) -> None:
    async with scripted(connect, Answer()) as session:
        with pytest.raises(SessionError) as caught:
            await getattr(session, name)("https", port)
        assert str(caught.value) == (
            f"Invalid port value: {port}. Port must be an integer in the range [30100, 30199]."
        )


async def test_link_without_a_body(connect: ConnectFunction) -> None:
    async with scripted(connect, ok([])) as session:
        with pytest.raises(SessionError, match="'body' field is not a dictionary"):
            await session.get_link()


async def test_info_of_a_missing_session(connect: ConnectFunction) -> None:
    async with scripted(connect, fault(NOT_FOUND)) as session:
        info = await session.info()
        assert (info.success, info.request_id) == (False, "r-404")
        assert info.error_message == "Session s-1 not found"


STATUS: Mapping[str, tuple[Answer, str, str, int]] = {
    "missing": (fault(NOT_FOUND), "Session s-1 not found", "InvalidMcpSession.NotFound", 400),
    "refused": (ok(REFUSED), "[Busy] try later", "Busy", 200),
    "fault": (
        fault({"Code": "X", "Message": "m"}, 503),
        "Failed to get session status s-1: X: m (HTTP 503)",
        "X",
        503,
    ),
}


@pytest.mark.parametrize("name", STATUS)
async def test_get_status(connect: ConnectFunction, name: str) -> None:
    answer, message, code, http_status = STATUS[name]
    async with scripted(connect, answer) as session:
        found = await session.get_status()
        assert (found.success, found.error_message) == (False, message)
        assert (found.code, found.http_status_code) == (code, http_status)


async def test_keep_alive(connect: ConnectFunction) -> None:
    answers = (
        ok({**STARTED, "Data": ["anything"]}),
        ok(REFUSED),
        ok({"Success": False, "Message": "m"}),
        ok({"Success": False}),
        fault({"Code": "X", "Message": "m"}),
    )
    async with scripted(connect, *answers) as session:
        results = [await session.keep_alive() for _ in answers]
    assert [result.success for result in results] == [True, False, False, False, False]
    assert [result.error_message for result in results] == [
        "",
        "[Busy] try later",
        "m",
        "Unknown error",
        "Failed to keep session alive s-1: X: m (HTTP 400)",
    ]


def tool_says(text: str, *, is_error: bool = False) -> Answer:
    content = [{"type": "text", "text": text}]
    data = {"content": content, "isError": is_error}
    return ok({"RequestId": "r-t", "Success": True, "Data": data})


async def test_metrics(connect: ConnectFunction) -> None:
    measured = {"cpu_count": 4, "cpu_used_pct": 12.5, "rx_rate_KBps": 3, "rx_used_kbyte": None}
    answers = (
        tool_says(json.dumps({**measured, "rx_used_kb": 7, "timestamp": "now"})),
        tool_says("no metrics here", is_error=True),
        tool_says("[]"),
        tool_says("{"),
    )
    async with scripted(connect, *answers) as session:
        found = await session.get_metrics()
        metrics = found.unwrap()
        assert (metrics.cpu_count, metrics.cpu_used_pct, metrics.timestamp) == (4, 12.5, "now")
        assert (metrics.rx_rate_kbyte_per_s, metrics.rx_used_kbyte) == (3.0, 7.0)
        assert found.raw["rx_rate_KBps"] == 3
        failed = await session.get_metrics()
        assert (failed.error_message, failed.metrics, failed.raw) == ("no metrics here", None, {})
        assert (await session.get_metrics()).error_message == (
            "Failed to parse get_metrics response: get_metrics returned non-object JSON"
        )
        prefix = "Failed to parse get_metrics response: "
        assert (await session.get_metrics()).error_message.startswith(prefix)


API_ANSWERS: Mapping[str, tuple[Answer, str]] = {
    "body": (ok([1]), "Invalid response body"),
    "no-data": (ok({"Success": True}), "Empty response data"),
    "data": (ok({"Success": True, "Data": "{"}), "Failed to parse response data: "),
    "refused": (ok(REFUSED), "[Busy] try later"),
    "fault": (fault({"Code": "X", "Message": "m"}), "API request failed: X: m (HTTP 400)"),
    "not-json": (Answer(http("<html>"), Then.KEEP), "API request failed: "),
    "tool": (tool_says("the tool's reason", is_error=True), "the tool's reason"),
}


@pytest.mark.parametrize("name", API_ANSWERS)
async def test_tools_through_the_api(connect: ConnectFunction, name: str) -> None:
    answer, message = API_ANSWERS[name]
    async with scripted(connect, answer) as session:
        result = await session.call_mcp_tool("anything", {})
        assert (result.success, result.data) == (False, "")
        assert result.error_message.startswith(message)
        assert message.endswith(": ") or result.error_message == message


Change = Callable[[AsyncSession], Awaitable[Any]]
QUICK = {"timeout": 0.05, "poll_interval": 0.01}
PATIENT = {"timeout": 20, "poll_interval": 0.01}
CHANGES = ("pause", "pause_async", "beta_pause", "resume", "resume_async", "beta_resume")


def names(member: str) -> tuple[str, str, str]:
    """Return the bare name, the state meanwhile and the state in the end."""
    if "pause" in member:
        return "pause", "PAUSING", "PAUSED"
    return "resume", "RESUMING", "RUNNING"


@pytest.mark.parametrize("member", CHANGES)
async def test_change_of_state(connect: ConnectFunction, member: str) -> None:
    _, via, target = names(member)
    answers = (
        ok(STARTED),
        state(via),
        Answer(b"", Then.RESET),  # a query that fails is no reason to give up
        fault({"Code": "X", "Message": "m"}, 503),
        ok({"RequestId": "r", "Success": True}),
        state(target, "r-last"),
    )
    async with scripted(connect, *answers) as session:
        result = await getattr(session, member)(**PATIENT)
        assert (result.success, result.status, result.error_message) == (True, target, "")
        assert result.request_id == ("r-start" if "beta" in member else "r-last")
        assert result.unwrap() is None


@pytest.mark.parametrize("member", CHANGES)
async def test_change_of_state_that_fails(connect: ConnectFunction, member: str) -> None:
    name, via, target = names(member)
    is_beta = member.startswith("beta")

    async def outcome(*answers: Answer, **limits: float) -> Any:
        async with scripted(connect, *answers) as session:
            result = await getattr(session, member)(**(limits or PATIENT))
            assert not result.success
            return result

    refused = await outcome(ok(REFUSED))
    assert refused.error_message == "[Busy] try later"
    assert (refused.code, refused.message, refused.http_status_code) == ("Busy", "try later", 200)
    assert (await outcome(ok({"Success": False}))).error_message == "Unknown error"

    broken = await outcome(fault({"Code": "X", "Message": "m"}, 409))
    doing = (
        f"Failed to {name}"
        if is_beta
        else f"Unexpected error {name[:-1]}ing".replace("pausing", "pausing").replace(
            "resuming", "resuming"
        )
    )
    assert broken.error_message == f"{doing} session: X: m (HTTP 409)"
    assert broken.code == "X"

    odd = await outcome(ok(STARTED), state("DELETING"))
    assert odd.status == "DELETING"
    if is_beta:
        wanted = f"{name.capitalize()} failed, session in unexpected state: DELETING"
        assert odd.error_message == wanted
    else:
        assert odd.error_message.startswith(
            f"Session {name} failed: unexpected state 'DELETING' after 0."
        )
        assert odd.error_message.endswith(" seconds")
    assert (await outcome(ok(STARTED), state(None))).status == "UNKNOWN"

    late = await outcome(ok(STARTED), state(via), **QUICK)
    if is_beta:
        assert late.error_message == f"Timed out after 0.05s waiting for {target} state"
        assert late.status == ("" if name == "pause" else None)
    else:
        assert late.error_message.startswith(f"Session {name} timed out after 0.")
        assert late.status is None

    gone = await outcome(ok(STARTED), fault(NOT_FOUND))
    assert gone.error_message == "Failed to get session status: Session s-1 not found"


@pytest.mark.parametrize("interval", [0, -1.0, float("nan")])
async def test_any_poll_interval_will_do(connect: ConnectFunction, interval: float) -> None:
    async with scripted(connect, ok(STARTED), state("PAUSING"), state("PAUSED")) as session:
        assert (await session.pause(20, interval)).success


async def test_first_look_is_immediate_even_without_time(connect: ConnectFunction) -> None:
    async with scripted(connect, ok(STARTED), state("PAUSED")) as session:
        assert (await session.pause(0, 600)).success


async def test_deadline_holds_while_a_query_hangs(connect: ConnectFunction) -> None:
    async with scripted(connect, ok(STARTED), Answer(b"", Then.HANG)) as session:
        started = time.monotonic()
        assert "timed out" in (await session.pause(0.1, 0.1)).error_message
        assert time.monotonic() - started < 2


async def test_waiting_ends_with_the_client(connect: ConnectFunction) -> None:
    async with scripted(connect, ok(STARTED), state("PAUSING")) as session:
        ended: list[str] = []

        async def wait() -> None:
            ended.append((await session.pause(600, 0.01)).error_message)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(wait)
                await session.agent_bay.close()
        assert "was closed" in ended[0]


async def test_waiting_can_be_cancelled_at_once(connect: ConnectFunction) -> None:
    async with scripted(connect, ok(STARTED), state("PAUSING")) as session:
        with anyio.move_on_after(0.1) as scope:
            await session.pause_async(600, 600)
        assert scope.cancelled_caught


async def test_client_changes_the_state(connect: ConnectFunction) -> None:
    answers = [answer for member in CHANGES for answer in (ok(STARTED), state(names(member)[2]))]
    async with scripted(connect, *answers) as session:
        bay = session.agent_bay
        for member in CHANGES:
            result = await getattr(bay, member)(session, 20, 0.01)
            assert (result.success, result.status) == (True, names(member)[2])


async def test_delete(connect: ConnectFunction) -> None:
    gone = ok({"RequestId": "r", "Success": True, "Data": {"Status": "FINISH"}})
    deleting = ok({"RequestId": "r", "Success": True, "Data": {"Status": "DELETED"}})
    async with scripted(connect, ok(STARTED), deleting, fault({}, 503), gone) as session:
        assert (await session.delete()).request_id == "r-start"
    async with scripted(connect, ok(STARTED), fault(NOT_FOUND)) as session:
        assert (await session.agent_bay.delete(session)).success
    async with scripted(connect, ok({"Success": False})) as session:
        problem = (await session.delete()).error_message
        assert problem == "[Unknown] Failed to delete session"
    async with scripted(connect, ok(REFUSED)) as session:
        refused = await session.delete()
        assert (refused.error_message, refused.code) == ("[Busy] try later", "Busy")
    async with scripted(connect, fault({"Code": "X", "Message": "m"})) as session:
        broken = await session.delete()
        assert broken.error_message == "Failed to delete session s-1: X: m (HTTP 400)"
        assert isinstance(broken.exception, ServiceError)
    denied = fault({"Code": "InvalidApiKey", "Message": "m"}, 401)
    async with scripted(connect, ok(STARTED), denied) as session:
        assert (await session.delete()).error_message.startswith("Failed to delete session s-1: ")
