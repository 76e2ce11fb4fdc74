"""Whatever an answer looks like, agents, storage, networks and skills raise nothing but ours."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentbay import AgentBayError, AgentEvent, AsyncSession
from agentbay._wire.agent_stream import read_event
from agentbay._wire.tools.agent import TaskAnswer
from agentbay.errors import ProtocolError
from agentbay.testing import Raw, RecordingServer, Text

NAMES = [
    *("action", "args", "content", "data", "error", "eventType", "phase", "product", "prompt"),
    *("result", "round", "seq", "status", "stream"),
    *("taskId", "task_id", "toolCallId", "toolName"),
]
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner),
    max_leaves=12,
)
TEXTS = st.text() | ANY_JSON.map(json.dumps) | ANY_JSON.map(json.dumps).map(lambda text: text[:-1])


@given(TEXTS)
def test_answers_about_tasks(text: str) -> None:
    try:
        answer = TaskAnswer.from_text(text)
    except ProtocolError:
        return
    texts = (answer.task_id, answer.status, answer.action, answer.product, answer.result)
    assert all(isinstance(part, str) for part in (*texts, answer.error))
    assert all(isinstance(part, dict) for part in answer.stream)


@given(st.dictionaries(st.sampled_from(NAMES), ANY_JSON))
def test_events(data: dict[str, Any]) -> None:
    event = read_event(data)
    for name in ("type", "content", "tool_call_id", "tool_name", "prompt"):
        assert isinstance(getattr(event, name), str)
    assert isinstance(event.seq, int)
    assert isinstance(event.args, dict)
    assert isinstance(event, AgentEvent)


@settings(max_examples=20)
@given(st.integers(1, 200))
def test_deep_answers(depth: int) -> None:
    deep = "[" * depth * 1000 + "]" * depth * 1000
    with pytest.raises(ProtocolError):
        TaskAnswer.from_text(deep)
    with pytest.raises(ProtocolError):
        TaskAnswer.from_text(f'{{"task_id": {deep}}}')


BODIES = [
    b"",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b'{"Data": ',
    b"<html><body>502</body></html>",
    b"\xff\xfe",
    b'{"RequestId": {}, "Success": "perhaps", "Code": []}',
    b'{"Success": true, "Code": "ok", "Data": [[[]]]}',
    b'{"Success": true, "Code": "ok", "Data": {"content": "x", "isError": "no"}}',
    b"x" * 10_000_000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_bodies(server: RecordingServer, session: AsyncSession, body: bytes) -> None:
    for action in (
        "BindContextSkillAsync",
        "CreateNetwork",
        "DescribeNetwork",
        "GetSkillMetaData",
        "ListSkillMetaData",
        "UnbindContextSkillAsync",
    ):
        server.answer(action, Raw(body))
    for tool in ("execute_task", "flux_execute_task", "flux_get_task_status", "oss_upload"):
        server.answer(tool, Raw(body))
    bay = session.agent_bay
    item = {"context_id": "c", "skill_ids": []}
    for result in (
        await bay.beta_network.describe("net-1"),
        await bay.beta_network.get_network_bind_token(),
        await bay.beta_skills.bind_context([item]),
        await bay.beta_skills.unbind_context([item]),
        await session.agent.computer.execute_task_and_wait("do", 0),
        await session.agent.computer.get_task_status("t-1"),
        await session.oss.upload("b", "o", "/p"),
    ):
        assert isinstance(result.success, bool)
        assert bool(result.error_message) is not result.success
    skill_ids: tuple[list[str] | None, ...] = (None, [])
    for ids in skill_ids:
        with contextlib.suppress(AgentBayError):  # anything else fails the test
            await bay.beta_skills.get_metadata(skill_ids=ids)


async def test_a_long_text_is_passed_on(server: RecordingServer, session: AsyncSession) -> None:
    text = "x" * 10_000_000
    server.answer("oss_download", text, Text(text, is_error=True))
    assert (await session.oss.download("b", "o", "/p")).content == text
    assert (await session.oss.download("b", "o", "/p")).error_message == text
