"""The agent of a phone tells what it does while it does it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from agentbay import (
    AgentBayError,
    AgentEvent,
    AsyncSession,
    Config,
    ExecutionResult,
    ProtocolError,
    RemoteOperationError,
    SessionError,
    TransportError,
)
from agentbay.testing import Frames, Raw, RecordingServer, Route
from tests.conftest import ConnectFunction


def event(kind: str, seq: int = 0, **facts: Any) -> dict[str, Any]:
    return {"phase": "event", "eventType": kind, "seq": seq, "round": 1, **facts}


def end(**facts: Any) -> dict[str, Any]:
    return {"phase": "end", **facts}


def ignore(_: AgentEvent) -> None:
    """Listen, and no more."""


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    async with RecordingServer(channel=True) as running:
        yield running


def facts(result: ExecutionResult) -> tuple[bool, str, str, str]:
    return result.success, result.error_message, result.task_status, result.task_result


async def test_every_event_arrives(server: RecordingServer, session: AsyncSession) -> None:
    server.answer(
        "exec_task",
        Frames(
            [
                event("reasoning", 1, content="look"),
                event("content", 2, content="Opening "),
                event("content", 3, content="settings"),
                event("tool_call", 4, toolCallId="c1", toolName="tap", args={"x": 80}),
                event("tool_result", 5, toolCallId="c1", toolName="tap", result={"output": "ok"}),
                event("what?", 6),
                end(),
            ]
        ),
    )
    seen: dict[str, list[AgentEvent]] = {}

    def on(name: str) -> Any:
        return lambda told: seen.setdefault(name, []).append(told)

    execution = await session.agent.mobile.execute_task(
        "open settings",
        20,
        on_reasoning=on("reasoning"),
        on_content=on("content"),
        on_tool_call=on("tool_call"),
        on_tool_result=on("tool_result"),
        on_error=on("error"),
    )
    assert execution.task_id == ""
    result = await execution.wait(30)
    assert facts(result) == (True, "", "finished", "Opening settings")
    assert facts(await execution.wait(30)) == facts(result)
    assert seen == {
        "reasoning": [AgentEvent("reasoning", 1, 1, "look")],
        "content": [
            AgentEvent("content", 2, 1, "Opening "),
            AgentEvent("content", 3, 1, "settings"),
        ],
        "tool_call": [
            AgentEvent("tool_call", 4, 1, tool_call_id="c1", tool_name="tap", args={"x": 80})
        ],
        "tool_result": [
            AgentEvent(
                "tool_result", 5, 1, tool_call_id="c1", tool_name="tap", result={"output": "ok"}
            )
        ],
    }
    (start,) = server.named("exec_task")
    assert (start.route, start.server) == (Route.CHANNEL, "wuying_mobile_agent")
    assert start.data == {
        "method": "exec_task",
        "params": {"task": "open settings", "max_steps": 20},
    }
    assert result.request_id == start.id
    assert server.calls == []


async def test_the_user_is_asked(server: RecordingServer, session: AsyncSession) -> None:
    asks = event(
        "tool_call", 1, toolCallId="c9", toolName="call_for_user", args={"prompt": "Which one?"}
    )
    server.answer("exec_task", Frames([asks]))
    server.answer("resume_task", Frames([end(status="finished", taskResult="the blue one")]))
    order: list[str] = []

    def answer(told: AgentEvent) -> str:
        order.append(f"asked {told.prompt}")
        return "blue"

    result = await session.agent.mobile.execute_task_and_wait(
        "choose",
        30,
        on_tool_call=lambda told: order.append(f"told {told.tool_name}"),
        on_call_for_user=answer,
    )
    assert facts(result) == (True, "", "finished", "the blue one")
    assert order == ["told call_for_user", "asked Which one?"]
    start, resume = server.requests
    assert resume.id == start.id
    assert resume.server == start.server
    assert resume.data == {
        "method": "resume_task",
        "params": {"toolCallId": "c9", "response": "blue"},
    }


@pytest.mark.parametrize("is_broken", [True, False])
async def test_an_agent_that_asks_nobody_gets_an_empty_answer(
    server: RecordingServer, session: AsyncSession, is_broken: bool
) -> None:
    server.answer(
        "exec_task", Frames([event("tool_call", toolCallId="c9", toolName="call_for_user")])
    )
    server.answer("resume_task", Frames([end()]))

    def broken(_: AgentEvent) -> str:
        raise ZeroDivisionError

    result = await session.agent.mobile.execute_task_and_wait(
        "choose",
        30,
        on_content=ignore,
        on_call_for_user=broken if is_broken else None,
    )
    assert result.success
    assert server.named("resume_task")[0].arguments == {"toolCallId": "c9", "response": ""}


async def test_a_listener_that_fails_does_not_end_the_task(
    server: RecordingServer, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer("exec_task", Frames([event("content", content="all"), end()]))

    def broken(_: AgentEvent) -> None:
        raise ZeroDivisionError

    result = await session.agent.mobile.execute_task_and_wait("do", 30, on_content=broken)
    assert facts(result) == (True, "", "finished", "all")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([end(status="finished", taskResult="r")], (True, "", "finished", "r")),
        (
            [event("content", content="so far"), end(status="failed")],
            (False, "Task ended with status: failed", "failed", "so far"),
        ),
        (
            [event("content", content="so far"), event("error", error={"code": "E"}), end()],
            (False, "{'code': 'E'}", "failed", "so far"),
        ),
    ],
)
async def test_ends(
    server: RecordingServer,
    session: AsyncSession,
    frames: list[dict[str, Any]],
    expected: tuple[bool, str, str, str],
) -> None:
    server.answer("exec_task", Frames(frames))
    result = await session.agent.mobile.execute_task_and_wait("do", 30, on_error=ignore)
    assert facts(result) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Frames([event("content", content="a"), {"phase": "error"}]), RemoteOperationError),
        (Frames([event("content", error="a text is a failure")]), RemoteOperationError),
        (Frames([{"phase": "sideways"}]), ProtocolError),
        (Frames([{}]), ProtocolError),
        (Frames([event("content", content="a")], then_drop=True), TransportError),
    ],
)
async def test_a_stream_that_breaks_is_no_end(
    server: RecordingServer,
    session: AsyncSession,
    answer: Frames,
    expected: type[AgentBayError],
) -> None:
    server.answer("exec_task", answer)
    mobile = session.agent.mobile
    with pytest.raises(expected):
        await mobile.execute_task_and_wait("do", 30, on_content=ignore)
    execution = await mobile.execute_task("do", on_content=ignore)
    for _ in range(2):
        with pytest.raises(expected):
            await execution.wait(30)


async def test_what_does_not_fit_is_left_out(
    server: RecordingServer, session: AsyncSession
) -> None:
    odd = event("tool_call", content=7, toolCallId=[], toolName=None, args="x", result=[])
    server.answer(
        "exec_task",
        Frames([Raw(b"not JSON"), Raw(b"[]"), {**odd, "seq": "1", "round": None}, end()]),
    )
    seen: list[AgentEvent] = []
    result = await session.agent.mobile.execute_task_and_wait("do", 30, on_tool_call=seen.append)
    assert result.success
    assert seen == [AgentEvent("tool_call")]


async def test_no_end_in_time(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("exec_task", Frames([event("content", content="so far")]))
    heard = threading.Event()
    execution = await session.agent.mobile.execute_task("do", on_content=lambda _: heard.set())
    await anyio.to_thread.run_sync(heard.wait, 10)
    assert facts(await execution.wait(0)) == (
        False,
        "Task execution timed out after 0 seconds.",
        "failed",
        "so far",
    )
    server.answer("exec_task", Frames())
    result = await session.agent.mobile.execute_task_and_wait("do", 0, on_content=ignore)
    assert result.task_result == "Task execution timed out."


async def test_closing_ends_the_listening(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("exec_task", Frames())
    execution = await session.agent.mobile.execute_task("do", on_content=ignore)
    await execution.close()
    await execution.close()
    with pytest.raises(AgentBayError, match="closed before its end"):
        await execution.wait(30)


async def test_a_session_without_a_channel(connect: ConnectFunction) -> None:
    async with (
        RecordingServer() as plain,
        connect(plain.api_key, Config(endpoint=plain.endpoint)) as bay,
    ):
        session = (await bay.create()).unwrap()
        with pytest.raises(SessionError, match="ws_url is not available"):
            await session.agent.mobile.execute_task("do", on_content=ignore)
