"""Agents: how tasks are started, asked after and stopped, and what the answers mean."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from agentbay import AgentError, AsyncAgentBay, AsyncSession, Config, ExecutionResult
from agentbay.testing import Answer, Raw, RecordingServer, Refusal, Text

COMPUTER = ("computer", "flux_", "wuying_computer_agent", "finished")
BROWSER = ("browser", "browser_use_", "wuying_browseruse", "finished")
MOBILE = ("mobile", "", "wuying_mobile_agent", "completed")
AGENTS = pytest.mark.parametrize(
    ("name", "prefix", "server_name", "done"), [COMPUTER, BROWSER, MOBILE]
)
POLLED = pytest.mark.parametrize(("name", "prefix"), [COMPUTER[:2], BROWSER[:2]])

DEFAULT_SCHEMA = {
    "properties": {"result": {"title": "Result", "type": "string"}},
    "required": ["result"],
    "title": "DefaultSchema",
    "type": "object",
}


class Price:
    """As a class of pydantic, as far as it matters."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"type": "object", "properties": {"price": {"type": "number"}}}


def status(state: str, **facts: Any) -> str:
    return json.dumps({"task_id": "t-1", "status": state, **facts})


@pytest.mark.parametrize(
    ("name", "given", "tool", "sent"),
    [
        ("computer", {"task": "open ä"}, "flux_execute_task", {"task": "open ä"}),
        (
            "browser",
            {"task": "look"},
            "browser_use_execute_task",
            {
                "task": "look",
                "use_vision": False,
                "full_page_screenshot": False,
                "output_schema": json.dumps(DEFAULT_SCHEMA),
            },
        ),
        (
            "browser",
            {
                "task": "look",
                "use_vision": True,
                "output_schema": Price,
                "full_page_screenshot": True,
            },
            "browser_use_execute_task",
            {
                "task": "look",
                "use_vision": True,
                "full_page_screenshot": True,
                "output_schema": json.dumps(Price.model_json_schema()),
            },
        ),
        ("mobile", {"task": "open"}, "execute_task", {"task": "open", "max_steps": 50}),
        (
            "mobile",
            {"task": "open", "max_steps": 7},
            "execute_task",
            {"task": "open", "max_steps": 7},
        ),
    ],
)
async def test_start(
    server: RecordingServer,
    session: AsyncSession,
    name: str,
    given: dict[str, Any],
    tool: str,
    sent: dict[str, Any],
) -> None:
    server.answer(tool, '{"task_id": "t-1"}')
    started = await getattr(session.agent, name).execute_task(**given)
    assert started.task_id == "t-1"
    (call,) = server.calls
    assert (call.name, call.arguments) == (tool, sent)
    if name != "mobile":
        assert (started.success, started.task_status) == (True, "running")


@AGENTS
async def test_status_and_stop(
    server: RecordingServer,
    session: AsyncSession,
    name: str,
    prefix: str,
    server_name: str,
    done: str,
) -> None:
    agent = getattr(session.agent, name)
    server.answer(
        f"{prefix}get_task_status",
        json.dumps({"taskId": "t-1", "status": "running", "action": "a", "product": {"n": 1}}),
        "{}",
        Text("no such task", is_error=True),
        Text("", is_error=True),
        "[]",
    )
    running = await agent.get_task_status("t-1")
    assert running.unwrap() is running
    assert (running.task_id, running.task_status) == ("t-1", "running")
    assert (running.task_action, running.task_product) == ("a", '{"n": 1}')
    assert (await agent.get_task_status("t-1")).task_status == done
    lost = await agent.get_task_status("t-1")
    assert (lost.success, lost.error_message, lost.task_status) == (False, "no such task", "failed")
    with pytest.raises(AgentError, match="no such task"):
        lost.unwrap()
    assert (await agent.get_task_status("t-1")).error_message == "Failed to get task status"
    odd = await agent.get_task_status("t-1")
    assert odd.error_message.startswith("Failed to get task status: ")

    server.answer(
        f"{prefix}terminate_task", "{}", status("cancelled"), Text("", is_error=True), "<html>"
    )
    stopped = await agent.terminate_task("t-1")
    expected = "cancelling" if name == "mobile" else "finished"
    assert (stopped.success, stopped.task_id, stopped.task_status) == (True, "t-1", expected)
    assert (await agent.terminate_task("t-1")).task_status == "cancelled"
    assert (await agent.terminate_task("t-1")).error_message == "Failed to terminate task"
    odd = await agent.terminate_task("t-1")
    assert odd.error_message.startswith("Failed to terminate: ")
    assert {(call.server, json.dumps(call.arguments)) for call in server.calls} == {
        (server_name, '{"task_id": "t-1"}')
    }


@POLLED
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status("finished", product="42"), (True, "", "finished", "42")),
        (status("failed"), (False, "Failed to execute task.", "failed", "")),
        (status("unsupported"), (False, "Unsupported task.", "unsupported", "")),
        (status("unsupported", error="no"), (False, "no", "unsupported", "")),
        (Text("gone", is_error=True), (False, "Failed to execute task.", "failed", "")),
    ],
)
async def test_wait(
    server: RecordingServer,
    session: AsyncSession,
    name: str,
    prefix: str,
    answer: Answer | str,
    expected: tuple[bool, str, str, str],
) -> None:
    server.answer(f"{prefix}execute_task", '{"task_id": "t-1"}')
    server.answer(f"{prefix}get_task_status", status("running"), status("what?"), answer)
    agent = getattr(session.agent, name)
    result = await agent.execute_task_and_wait("do", 30)
    assert facts(result) == expected
    assert result.task_id == "t-1"
    assert len(server.named(f"{prefix}get_task_status")) == 3


def facts(result: ExecutionResult) -> tuple[bool, str, str, str]:
    return result.success, result.error_message, result.task_status, result.task_result


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status("completed", result="done"), (True, "", "completed", "done")),
        (status("completed", product="done"), (True, "", "completed", "done")),
        (status("failed", error="why"), (False, "why", "failed", "")),
        (status("cancelled"), (False, "Task cancelled.", "cancelled", "")),
        (status("unsupported"), (False, "Task unsupported.", "unsupported", "")),
        (Text("gone", is_error=True), (False, "gone", "failed", "")),
    ],
)
async def test_wait_for_a_phone(
    server: RecordingServer,
    session: AsyncSession,
    answer: Answer | str,
    expected: tuple[bool, str, str, str],
) -> None:
    server.answer("execute_task", '{"taskId": "t-1"}')
    # What ends the task of a desktop does not end that of a phone.
    server.answer("get_task_status", status("running"), status("finished"), answer)
    execution = await session.agent.mobile.execute_task("do")
    assert facts(await execution.wait(30)) == expected
    await execution.close()
    assert facts(await session.agent.mobile.execute_task_and_wait("do", 30)) == expected


async def test_a_small_task_has_ended_when_it_is_started(
    server: RecordingServer, session: AsyncSession
) -> None:
    for text in ("It is 12 o'clock.", '{"answer": 12}', ""):
        server.answer("execute_task", text)
        execution = await session.agent.mobile.execute_task("what time is it?")
        assert execution.task_id == ""
        assert facts(await execution.wait()) == (True, "", "completed", text)
    assert {call.name for call in server.calls} == {"execute_task"}


@pytest.mark.parametrize("name", ["computer", "browser", "mobile"])
@pytest.mark.parametrize("said", ["too busy", ""])
async def test_a_task_that_is_refused(
    server: RecordingServer, session: AsyncSession, name: str, said: str
) -> None:
    for tool in ("flux_execute_task", "browser_use_execute_task", "execute_task"):
        server.answer(tool, Text(said, is_error=True))
    agent = getattr(session.agent, name)
    problem = said or "Failed to execute task"
    result = await agent.execute_task_and_wait("do", 30)
    assert facts(result) == (False, problem, "failed", "Task Failed")
    if name == "mobile":
        with pytest.raises(AgentError, match=problem):
            await agent.execute_task("do")
    else:
        assert facts(await agent.execute_task("do")) == (False, problem, "failed", "")


@POLLED
@pytest.mark.parametrize("text", ["", "null", "7", "<html>", "[", "{}", '{"task_id": {}}'])
async def test_a_start_without_an_id_is_no_success(
    server: RecordingServer, session: AsyncSession, name: str, prefix: str, text: str
) -> None:
    server.answer(f"{prefix}execute_task", text)
    result = await getattr(session.agent, name).execute_task("do")
    assert not result
    assert result.error_message.startswith("Failed to execute: ")


async def test_failures_of_asking_say_nothing_about_the_task(
    server: RecordingServer, session: AsyncSession
) -> None:
    server.answer("flux_execute_task", '{"task_id": "t-1"}')
    server.answer(
        "flux_get_task_status",
        Refusal("ServiceUnavailable", "later", 503),
        Refusal("Throttling", "slower", 429),
        status("finished", product="42"),
    )
    result = await session.agent.computer.execute_task_and_wait("do", 30)
    assert facts(result) == (True, "", "finished", "42")


async def test_a_task_that_takes_too_long_is_stopped(
    server: RecordingServer, session: AsyncSession
) -> None:
    server.answer("flux_execute_task", '{"task_id": "t-1"}')
    server.answer("flux_get_task_status", status("running"))
    result = await session.agent.computer.execute_task_and_wait("do", 0)
    assert (result.success, result.task_status) == (False, "failed")
    assert result.error_message.startswith(
        "Task execution timed out after 0 seconds. Task ID: t-1. Polled 1 times (max: "
    )
    assert result.task_result == "Task execution timed out after 0 seconds."
    assert len(server.named("flux_terminate_task")) == 1


async def test_a_phone_is_waited_for_until_it_is_free(
    server: RecordingServer, session: AsyncSession
) -> None:
    server.answer("execute_task", '{"taskId": "t-1"}')
    last = status("running", action="tap", error="slow", stream=[{"content": "op"}, {"content": 1}])
    gone = Text("Task not found or already finished: t-1", is_error=True)
    server.answer("get_task_status", last, last, gone)
    result = await session.agent.mobile.execute_task_and_wait("do", 0)
    assert result.error_message == "Task execution timed out after 0 seconds. Task ID: t-1."
    assert result.task_result == (
        "Task execution timed out after 0 seconds. | Last task status output: op1 | "
        "Last action: tap | Last error: slow | Last status: running"
    )
    assert len(server.named("terminate_task")) == 1
    assert len(server.named("get_task_status")) == 3


async def test_cancelling_the_wait_stops_the_task(server: RecordingServer) -> None:
    asked = anyio.Event()

    def running(_: object) -> Text:
        asked.set()
        return Text(status("running"))

    server.answer("flux_execute_task", '{"task_id": "t-1"}')
    server.answer("flux_get_task_status", running)
    async with AsyncAgentBay(server.api_key, Config(endpoint=server.endpoint)) as bay:
        session = (await bay.create()).unwrap()
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(session.agent.computer.execute_task_and_wait, "do", 60)
                await asked.wait()
                group.cancel_scope.cancel()
    assert len(server.named("flux_terminate_task")) == 1


async def test_the_first_task_starts_the_browser(
    server: RecordingServer, session: AsyncSession
) -> None:
    server.answer("browser_use_execute_task", '{"task_id": "t-1"}')
    await session.agent.browser.execute_task("look")
    await session.agent.browser.execute_task("look again")
    assert [request.name for request in server.requests] == [
        "InitBrowser",
        "browser_use_execute_task",
        "browser_use_execute_task",
    ]
    assert await session.agent.browser.initialize()


async def test_without_a_browser_there_is_no_task(
    server: RecordingServer, session: AsyncSession
) -> None:
    server.answer("InitBrowser", Raw(b"{}"))
    agent = session.agent.browser
    for result in (await agent.execute_task("look"), await agent.execute_task_and_wait("look", 9)):
        assert (result.error_message, result.task_status) == (
            "Failed to initialize browser",
            "failed",
        )
    assert not await agent.initialize()
    assert server.calls == []


async def test_members_of_earlier_releases(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("flux_execute_task", '{"task_id": "t-1"}')
    server.answer("flux_get_task_status", status("running"), status("finished", product="42"))
    agent = session.agent
    started = await agent.async_execute_task("do")
    assert (started.success, started.task_id, started.task_status) == (True, "t-1", "running")
    assert facts(await agent.execute_task("do", 10)) == (True, "", "finished", "42")
    server.answer("flux_get_task_status", status("running"))
    assert facts(await agent.execute_task("do", 0)) == (
        False,
        "Task timeout.",
        "failed",
        "Task timeout.",
    )
    assert (await agent.get_task_status("t-1")).task_status == "running"
    server.answer("flux_terminate_task", "{}")
    assert (await agent.terminate_task("t-1")).task_status == "finished"
    server.answer("flux_execute_task", Text("no", is_error=True))
    assert facts(await agent.execute_task("do", 1)) == (False, "no", "failed", "Task Failed")
