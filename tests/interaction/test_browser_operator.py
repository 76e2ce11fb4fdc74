"""The operator of pages: what is sent, how it waits, and what the answers mean."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agentbay import (
    ActOptions,
    ActResult,
    AsyncAgentBay,
    AsyncBrowserOperator,
    AsyncSession,
    BrowserError,
    Config,
    ExtractOptions,
    NotFoundError,
    ObserveOptions,
    ObserveResult,
    ProtocolError,
)
from agentbay._wire.tools.browser_answers import (
    ActAnswer,
    ObservedElement,
    StartedTask,
    action_text,
)
from agentbay.testing import Raw, Recorded, RecordingServer, Refusal, Text
from tests.interaction.fingerprints import json_values, unhurried


class Title(BaseModel):
    title: str
    size: int = 0


TITLE_SCHEMA = "schema: " + json.dumps(Title.model_json_schema())
STARTED = '{"task_id": "t-1"}'
BUSY = Text("task is running", is_error=True)
SERVER = "wuying_browseruse"
Operator = AsyncBrowserOperator


@pytest.fixture
async def operator(server: RecordingServer, session: AsyncSession) -> Operator:
    assert await session.browser.initialize()
    server.requests.clear()
    return session.browser.operator


def click(arguments: Any) -> ObserveResult:
    return ObserveResult("#login", "Login button", "click", arguments)


# Member, its arguments, the tool, what is sent, an answer of the service, what is returned then,
# and what is returned when the tool fails.
PLAIN: list[tuple[str, list[Any], str, dict[str, Any], str, Any, Any]] = [
    (
        "navigate",
        ["https://example.com/ä"],
        "page_use_navigate",
        {"url": "https://example.com/ä"},
        "Navigated",
        "Navigated",
        "Navigation failed: no such host",
    ),
    (
        "screenshot",
        [],
        "page_use_screenshot",
        {"context_id": 0, "full_page": True, "quality": 80},
        "data:image/png;base64,AA==",
        "data:image/png;base64,AA==",
        "Screenshot failed: no such host",
    ),
    (
        "screenshot",
        [None, False, 10, {"x": 0, "y": 1, "width": 2, "height": 3.5}, 500],
        "page_use_screenshot",
        {
            "context_id": 0,
            "full_page": False,
            "quality": 10,
            "clip": {"x": 0, "y": 1, "width": 2, "height": 3.5},
            "timeout": 500,
        },
        "",
        "",
        "Screenshot failed: no such host",
    ),
    ("close", [], "page_use_close_session", {}, "Session closed", True, False),
    (
        "login",
        ['{"api_key":"k"}'],
        "page_use_login",
        {"context_id": 0, "login_config": '{"api_key":"k"}', "use_vision": False},
        "login finished",
        ActResult(True, "login finished"),
        ActResult(False, "no such host"),
    ),
    (
        "login",
        ["{}", None, True],
        "page_use_login",
        {"context_id": 0, "login_config": "{}", "use_vision": True},
        "",
        ActResult(True, ""),
        ActResult(False, "no such host"),
    ),
]


@pytest.mark.parametrize(("member", "given", "tool", "sent", "answer", "good", "bad"), PLAIN)
async def test_call(
    server: RecordingServer,
    operator: Operator,
    member: str,
    given: list[Any],
    tool: str,
    sent: dict[str, Any],
    answer: str,
    good: Any,
    bad: Any,
) -> None:
    server.answer(tool, answer, Text("no such host", is_error=True))
    call = getattr(operator, member)
    assert await call(*given) == good
    assert await call(*given) == bad
    assert [(call.name, call.server, call.arguments) for call in server.calls] == [
        (tool, SERVER, sent)
    ] * 2


OBSERVED = [
    {
        "selector": "#login",
        "description": "Login button",
        "method": "click",
        "arguments": '{"selector": "#login"}',
    },
    {"arguments": "not json"},
    {"selector": None, "arguments": {"already": "an object"}, "extra": 1},
    {"arguments": "[1]"},
    {},
]
FOUND = [
    click({"selector": "#login"}),
    ObserveResult("", "", "", "not json"),
    ObserveResult("", "", "", {"already": "an object"}),
    ObserveResult("", "", "", "[1]"),
    ObserveResult("", "", "", {}),
]

# Member, its argument, what is sent, the answers that come before the last, the last, the outcome.
TASKS: list[tuple[str, Any, dict[str, Any], list[Any], str, Any]] = [
    (
        "act",
        ActOptions("press search"),
        {"action": "press search"},
        [Text(""), BUSY, '{"is_done": false, "success": true, "steps": []}'],
        '{"is_done": true, "success": true, "steps": [{"step": 1, "result": "getippt ä"}]}',
        ActResult(True, '[{"step": 1, "result": "getippt ä"}]'),
    ),
    (
        "act",
        ActOptions("log in", {"user": "me"}, True, 120),
        {"action": "log in", "variables": {"user": "me"}, "use_vision": True, "timeout": 120},
        [],
        '{"is_done": true, "success": false, "steps": "no such button", "more": 1}',
        ActResult(False, "no such button"),
    ),
    (
        "act",
        click({"selector": "#login", "text": "ä"}),
        {"action": '{"method": "click", "arguments": {"selector": "#login", "text": "ä"}}'},
        [],
        '{"is_done": true, "success": true, "steps": []}',
        ActResult(True, "No actions have been executed."),
    ),
    (
        "act",
        click('{"a": 1}'),
        {"action": '{"method": "click", "arguments": {"a": 1}}'},
        [],
        '{"is_done": true}',
        ActResult(False, "No actions have been executed."),
    ),
    (
        "act",
        click("not json"),
        {"action": '{"method": "click", "arguments": "not json"}'},
        [],
        '{"is_done": true, "success": null, "steps": null}',
        ActResult(False, "No actions have been executed."),
    ),
    (
        "observe",
        ObserveOptions("find links"),
        {"instruction": "find links"},
        [BUSY, Text("")],
        json.dumps(OBSERVED),
        (True, FOUND),
    ),
    (
        "observe",
        ObserveOptions("find links", False, "#main", 5),
        {"instruction": "find links", "use_vision": False, "selector": "#main"},
        [],
        "[]",
        (True, []),
    ),
    (
        "extract",
        ExtractOptions("the title", Title),
        {"instruction": "the title", "field_schema": TITLE_SCHEMA, "max_page": 1},
        [BUSY, Text("")],
        '{"title": "Example Domain"}',
        (True, Title(title="Example Domain")),
    ),
    (
        "extract",
        ExtractOptions("titles", Title, True, False, "#main", 7, 3),
        {
            "instruction": "titles",
            "field_schema": TITLE_SCHEMA,
            "use_text_extract": True,
            "use_vision": False,
            "selector": "#main",
            "max_page": 3,
        },
        [],
        '{"title": "t", "size": 2}',
        (True, Title(title="t", size=2)),
    ),
]


@pytest.mark.parametrize(("member", "given", "sent", "pending", "last", "outcome"), TASKS)
async def test_task(
    server: RecordingServer,
    operator: Operator,
    member: str,
    given: Any,
    sent: dict[str, Any],
    pending: list[Any],
    last: str,
    outcome: Any,
) -> None:
    server.answer(f"page_use_{member}_async", STARTED)
    server.answer(f"page_use_get_{member}_result", *pending, last)
    assert await getattr(operator, member)(given) == outcome
    start, *asked = server.calls
    trace_id = start.arguments.pop("trace_id")
    assert re.fullmatch("[0-9a-f]{32}", trace_id)
    assert (start.name, start.server) == (f"page_use_{member}_async", SERVER)
    assert start.arguments == {"context_id": 0, **sent}
    assert [(call.name, call.arguments) for call in asked] == [
        (f"page_use_get_{member}_result", {"task_id": "t-1"})
    ] * (len(pending) + 1)


REQUESTS: dict[str, Callable[[Operator], Awaitable[Any]]] = {
    "act": lambda operator: operator.act(ActOptions("do it", timeout=1)),
    "observe": lambda operator: operator.observe(ObserveOptions("look", timeout=1)),
    "extract": lambda operator: operator.extract(ExtractOptions("read", Title, timeout=1)),
}
START_PROBLEMS = {
    "act": "Failed to start act task",
    "observe": "Failed to start observe task",
    "extract": "Failed to start extraction task",
}
TOO_LATE = {
    "act": "Task t-1:do it timeout after 1s",
    "observe": "Task t-1: Observe timeout after 1s",
    "extract": "Task t-1: Extract timeout after 1s",
}


@pytest.mark.parametrize("member", REQUESTS)
async def test_a_task_that_does_not_start(
    server: RecordingServer, operator: Operator, member: str
) -> None:
    server.answer(f"page_use_{member}_async", Text("no page", is_error=True), Text("", True))
    for reason in ("no page", START_PROBLEMS[member]):
        with pytest.raises(BrowserError) as caught:
            await REQUESTS[member](operator)
        assert str(caught.value) == f"Failed to {member}: {reason}"


@pytest.mark.parametrize("member", REQUESTS)
async def test_a_task_that_takes_too_long(
    server: RecordingServer, operator: Operator, member: str
) -> None:
    server.answer(f"page_use_{member}_async", STARTED)
    server.answer(f"page_use_get_{member}_result", BUSY)
    started = time.monotonic()
    with pytest.raises(BrowserError) as caught:
        await REQUESTS[member](operator)
    assert str(caught.value) == f"Failed to {member}: {TOO_LATE[member]}"
    assert 1 <= time.monotonic() - started < 10


@pytest.mark.parametrize("member", REQUESTS)
async def test_waiting_ends_when_the_session_is_gone(
    server: RecordingServer, operator: Operator, member: str
) -> None:
    server.answer(f"page_use_{member}_async", STARTED)
    gone = Refusal("InvalidMcpSession.NotFound", "gone", 404)
    server.answer(f"page_use_get_{member}_result", BUSY, gone)
    with pytest.raises(BrowserError, match="gone") as caught:
        await REQUESTS[member](operator)
    assert caught.value.__cause__ is not None
    assert isinstance(caught.value.__cause__.__cause__, NotFoundError)
    assert len(server.calls) == 3


MALFORMED = {
    "truncated": '{"task_id": "t-',
    "html": "<html>no</html>",
    "number": "5",
    "null": "null",
    "nested": "[" * 3000 + "]" * 3000,
    "wrong-type": '{"task_id": [1], "is_done": "perhaps", "title": 7}',
    "array-of-numbers": "[1, 2]",
    "10-MB": "x" * 10_000_000,
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("member", REQUESTS)
async def test_malformed_answers(
    server: RecordingServer, operator: Operator, member: str, name: str
) -> None:
    tool = f"page_use_{member}_async"
    server.answer(tool, MALFORMED[name], STARTED)
    server.answer(f"page_use_get_{member}_result", MALFORMED[name])
    for _ in range(2):
        with pytest.raises(BrowserError) as caught:
            await REQUESTS[member](operator)
        assert str(caught.value).startswith(f"Failed to {member}: ")
        assert len(str(caught.value)) < 2000
    assert [call.name for call in server.calls] == [tool, tool, f"page_use_get_{member}_result"]


@pytest.mark.parametrize("start", ["", "{}", '{"task_id": null}'])
async def test_a_start_that_names_no_task(
    server: RecordingServer, operator: Operator, start: str
) -> None:
    server.answer("page_use_act_async", start)
    with pytest.raises(BrowserError, match=r"^Failed to act: "):
        await REQUESTS["act"](operator)
    assert len(server.calls) == 1


async def test_broken_connections_are_waited_out(
    server: RecordingServer, operator: Operator
) -> None:
    server.answer("page_use_act_async", STARTED)
    server.answer(
        "page_use_get_act_result", Raw(b"<html>", 502), Raw(b""), '{"is_done": true, "steps": "s"}'
    )
    assert (await REQUESTS["act"](operator)).message == "s"


async def test_a_model_that_cannot_be_described(operator: Operator) -> None:
    class Odd(BaseModel):
        handler: Callable[[], None]

    with pytest.raises(BrowserError, match=r"^Failed to extract: "):
        await operator.extract(ExtractOptions("x", Odd))


async def test_not_initialized(server: RecordingServer, session: AsyncSession) -> None:
    operator = session.browser.operator
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "navigate": lambda: operator.navigate("u"),
        "screenshot": operator.screenshot,
        "act": lambda: operator.act(ActOptions("a")),
        "observe": lambda: operator.observe(ObserveOptions("o")),
        "extract": lambda: operator.extract(ExtractOptions("e", Title)),
        "login": lambda: operator.login("{}"),
    }
    for name, call in calls.items():
        with pytest.raises(BrowserError) as caught:
            await call()
        assert str(caught.value) == f"Browser must be initialized before calling {name}."
    assert server.requests == []
    assert await operator.close()


@pytest.fixture
async def async_session(server: RecordingServer) -> AsyncIterator[AsyncSession]:
    """A session on the asynchronous surface only, with a browser."""
    async with AsyncAgentBay(server.api_key, Config(endpoint=server.endpoint)) as bay:
        session = (await bay.create()).unwrap()
        assert await session.browser.initialize()
        yield session


async def test_the_interval_can_be_chosen(
    server: RecordingServer, async_session: AsyncSession
) -> None:
    server.answer("page_use_act_async", STARTED)
    server.answer("page_use_get_act_result", BUSY)
    counts = []
    for interval in (0.02, 60):
        server.requests.clear()
        operator = AsyncBrowserOperator(async_session, async_session.browser, interval)
        with pytest.raises(BrowserError):
            await REQUESTS["act"](operator)
        counts.append(len(server.calls))
    assert counts[0] > 15 > counts[1]


async def test_cancelling_does_not_wait(
    server: RecordingServer, async_session: AsyncSession
) -> None:
    asked = anyio.Event()

    def answer(request: Recorded) -> Text:
        asked.set()
        return BUSY

    server.answer("page_use_act_async", STARTED)
    server.answer("page_use_get_act_result", answer)
    async with anyio.create_task_group() as group:
        group.start_soon(async_session.browser.operator.act, ActOptions("a"))
        await asked.wait()
        cancelled = time.monotonic()
        group.cancel_scope.cancel()
    assert time.monotonic() - cancelled < 1


def truncated(value: Any) -> str:
    return json.dumps(value)[:-1]


def test_a_result_is_true_when_it_was_done() -> None:
    assert ActResult(True, "m").unwrap() == "m"
    assert not ActResult(False, "m")
    with pytest.raises(BrowserError, match=r"^m$"):
        ActResult(False, "m").unwrap()


@unhurried
@given(st.text() | json_values().map(json.dumps) | json_values().map(truncated))
def test_no_answer_raises_anything_else(text: str) -> None:
    for read in (StartedTask.from_text, ActAnswer.from_text, ObservedElement.list_from_text):
        try:
            found: Any = read(text)
        except (ProtocolError, ValueError):
            continue
        for answer in found if isinstance(found, list) else [found]:
            assert isinstance(getattr(answer, "message", ""), str)
            assert isinstance(getattr(answer, "decoded_arguments", ""), str | dict)


@unhurried
@given(st.text(), json_values())
def test_an_element_can_always_be_acted_on(method: str, arguments: Any) -> None:
    for given_arguments in (arguments, json.dumps(arguments)):
        sent = json.loads(action_text(method, given_arguments))
        assert sent["method"] == method
