"""What the client makes of the answers of tool ``run_code``, and of the events of a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay._wire.code_stream import StreamedCode, end_fields, error_fields, result_fields
from agentbay._wire.tools.code import CODE_STOPS, CodeAnswer, RunCode
from agentbay.models.code import CodeExecutionResult, ExecutionError, ExecutionLogs

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
KEYS = st.sampled_from(
    [
        *("result", "results", "logs", "stdout", "stderr", "executionError", "isError", "error"),
        *("content", "text", "execution_count", "execution_time", "stopped", "stateLost", "mime"),
        *("name", "value", "traceback", "text/plain", "image/png", "chart", "isMainResult"),
        *("eventType", "chunk", "code", "message", "traceId", "status", "executionCount", "json"),
    ]
)
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def read(answer: Any) -> CodeAnswer:
    return CodeAnswer.from_text(json.dumps(answer))


def test_the_example_of_the_reference() -> None:
    answer = CodeAnswer.from_text(
        '{"executionError":"","result":["{\\"isMainResult\\":true,\\"text/plain\\":\\"42\\"}"],'
        '"stdout":["a\\n"],"stderr":[],"execution_count":1,"execution_time":0.01}'
    )
    assert answer == CodeAnswer(
        success=True,
        logs=ExecutionLogs(["a\n"], []),
        results=(CodeExecutionResult(text="42", is_main_result=True),),
        execution_count=1,
        execution_time=0.01,
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "No data field in response"),
        ('{"a": 1}', "Unknown response format"),
        ('{"executionError": "bad"}', "Unknown response format"),
        ('{"content": [{"no": "text"}]}', "Unknown response format"),
        (
            '{"isError": true, "content": [{"text": "one"}, {"text": "two"}]}',
            "Error in response: one; two",
        ),
    ],
)
def test_answers_that_are_failures(text: str, problem: str) -> None:
    answer = CodeAnswer.from_text(text)
    assert not answer.success
    assert not answer.understood
    assert answer.failure == f"AgentBay error: {problem}"


@pytest.mark.parametrize("text", ["plain", "", "[1, 2]", "7", "null", "{broken", '"a string"'])
def test_any_other_text_is_the_result(text: str) -> None:
    answer = CodeAnswer.from_text(text)
    assert answer.success
    assert answer.logs.stdout == [text]
    assert answer.results == (CodeExecutionResult(text=text, is_main_result=True),)


def test_an_answer_inside_of_content() -> None:
    inner = {"result": [{"text/plain": "1", "isMainResult": True}], "executionError": ""}
    answer = read({"content": [{"type": "text", "text": json.dumps(inner)}]})
    assert answer.results == (CodeExecutionResult(text="1", is_main_result=True),)
    plain = read({"content": [{"type": "text", "text": "just text"}]})
    assert plain.results[0].text == "just text"


def test_items_as_objects_and_encoded_once_or_twice() -> None:
    item = {"text/plain": "x", "is_main_result": True}
    answer = read({"result": [item, json.dumps(item), json.dumps(json.dumps(item)), "{", 5, [1]]})
    wanted = CodeExecutionResult(text="x", is_main_result=True)
    others = tuple(CodeExecutionResult(text=text) for text in ("{", "5", "[1]"))
    assert answer.results == (wanted, wanted, wanted, *others)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        *[("text/plain", "text"), ("text", "text"), ("text/html", "html"), ("html", "html")],
        *[("text/markdown", "markdown"), ("markdown", "markdown"), ("image/png", "png")],
        *[("png", "png"), ("image/jpeg", "jpeg"), ("jpeg", "jpeg"), ("image/svg+xml", "svg")],
        *[("svg", "svg"), ("text/latex", "latex"), ("latex", "latex")],
    ],
)
def test_forms_by_both_names(key: str, name: str) -> None:
    (item,) = read({"result": [{key: "x"}]}).results
    wanted: dict[str, Any] = {name: "x"}
    assert item == CodeExecutionResult(**wanted)
    assert item.formats() == [name]
    streamed = StreamedCode()
    streamed.take({"eventType": "result", "result": {"mime": {key: "x"}}})
    assert streamed.results[0].formats() == ([name] if "/" in key else [])


@pytest.mark.parametrize(
    "key",
    ["application/vnd.vegalite.v4+json", "application/vnd.vegalite.v5+json", "chart"],
)
def test_charts_and_json(key: str) -> None:
    (item,) = read({"result": [{key: {"mark": "bar"}, "application/json": {"a": 1}}]}).results
    assert (item.chart, item.json) == ({"mark": "bar"}, {"a": 1})


def test_the_first_form_that_is_not_empty_wins() -> None:
    (item,) = read({"result": [{"text/plain": "", "text": "short", "png": "", "html": ""}]}).results
    assert (item.text, item.png, item.html) == ("short", "", "")


def test_an_error_is_told_with_or_without_details() -> None:
    plain = read({"result": [], "executionError": "NameError: x"})
    assert (plain.success, plain.failure) == (False, "")
    assert plain.error == ExecutionError("ExecutionError", "NameError: x", "")
    error = {"name": "NameError", "value": "x", "traceback": "line 1"}
    detailed = read({"result": [], "executionError": "NameError: x", "error": error})
    assert detailed.error == ExecutionError("NameError", "x", "line 1")
    odd = read({"result": [], "executionError": {"code": 7}})
    assert odd.error == ExecutionError("ExecutionError", '{"code": 7}', "")


def test_the_long_form() -> None:
    answer = read(
        {
            "logs": {"stdout": ["a"], "stderr": ["b"]},
            "results": [{"text": "1", "is_main_result": True}, {"png": "cGc="}],
            "execution_count": 3,
            "execution_time": 2,
            "isError": True,
            "error": {"value": "bad"},
        }
    )
    assert answer == CodeAnswer(
        logs=ExecutionLogs(["a"], ["b"]),
        results=(
            CodeExecutionResult(text="1", is_main_result=True),
            CodeExecutionResult(png="cGc="),
        ),
        error=ExecutionError("UnknownError", "bad", ""),
        execution_count=3,
        execution_time=2.0,
    )
    assert read({"results": []}).success
    assert read({"logs": {}}).success


def test_text_of_a_failed_tool_is_the_message() -> None:
    assert CodeAnswer.from_tool("bad luck", is_error=True).failure == "bad luck"
    assert CodeAnswer.from_tool("", is_error=True).failure == "Failed to run code"
    raw = '{"executionError": "NameError: x", "traceId": "t"}'
    assert CodeAnswer.from_tool(raw, is_error=True).failure == raw
    whole = json.dumps({"executionError": "NameError: x", "result": [], "stdout": ["a"]})
    answer = CodeAnswer.from_tool(whole, is_error=True)
    assert (answer.failure, answer.logs.stdout) == ("NameError: x", ["a"])


def test_a_deep_answer_is_plain_text() -> None:
    deep = "[" * 100_000
    assert CodeAnswer.from_text(deep).results[0].text == deep
    nested = '{"result":' * 100_000
    assert CodeAnswer.from_text(nested).logs.stdout == [nested]


@given(HOSTILE, st.booleans())
def test_no_answer_breaks_the_reader(found: Any, is_error: bool) -> None:
    text = json.dumps(found)
    answer = CodeAnswer.from_tool(text, is_error=is_error)
    check_types(answer)
    assert not (is_error and answer.success)
    RunCode.read_text(text, is_error=is_error)


@given(st.lists(HOSTILE, max_size=3), st.dictionaries(KEYS, HOSTILE, max_size=5))
def test_no_event_breaks_the_reader(events: list[Any], end: dict[str, Any]) -> None:
    told = StreamedCode()
    for event in events:
        for kind in ("stdout", "result", "error"):
            told.take({"eventType": kind, kind: event, "chunk": event})
        if isinstance(event, dict):
            told.take(event)
    check_types(told.answer(end))


def check_types(answer: CodeAnswer) -> None:
    assert all(isinstance(chunk, str) for chunk in answer.logs.stdout + answer.logs.stderr)
    assert isinstance(answer.execution_count, int | None)
    assert isinstance(answer.execution_time, float)
    assert isinstance(answer.failure, str)
    for item in answer.results:
        forms = (item.text, item.html, item.markdown, item.png, item.jpeg, item.svg, item.latex)
        assert all(isinstance(form, str | None) for form in forms)
        assert isinstance(item.chart, dict | None)
    if answer.error is not None:
        error = answer.error
        assert all(isinstance(part, str) for part in (error.name, error.value, error.traceback))


RESULTS = st.builds(
    CodeExecutionResult,
    *[st.none() | TEXT] * 6,
    json=st.none() | st.dictionaries(TEXT, st.integers() | TEXT, max_size=2),
    latex=st.none() | TEXT,
    chart=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    is_main_result=st.booleans(),
)
ERRORS = st.builds(ExecutionError, TEXT.filter(bool), TEXT, TEXT)
STOPS = st.sampled_from(["", *sorted(CODE_STOPS)])


@given(st.data())
def test_what_the_runtime_writes_is_what_the_client_reads(data: st.DataObject) -> None:
    error = data.draw(st.none() | ERRORS)
    answer = CodeAnswer(
        success=error is None,
        logs=ExecutionLogs(data.draw(st.lists(TEXT)), data.draw(st.lists(TEXT))),
        results=tuple(data.draw(st.lists(RESULTS, max_size=3))),
        error=error,
        execution_count=data.draw(st.none() | st.integers(0)),
        execution_time=data.draw(st.floats(0, 1e6)),
        trace_id=data.draw(TEXT) if error is not None else "",
        stopped=data.draw(STOPS),
        state_lost=data.draw(st.booleans()),
    )
    assert CodeAnswer.from_text(answer.to_text()) == answer


@given(st.lists(RESULTS, max_size=3), st.none() | ERRORS, STOPS)
def test_events_of_the_runtime_are_what_the_client_reads(
    results: list[CodeExecutionResult], error: ExecutionError | None, stopped: str
) -> None:
    told = StreamedCode()
    for result in results:
        told.take({"eventType": "result", **result_fields(result)})
    if error is not None:
        told.take({"eventType": "error", **error_fields(error, "")})
    answer = CodeAnswer(success=error is None, error=error, stopped=stopped, execution_count=1)
    read_back = told.answer(end_fields(answer))
    assert read_back.results == tuple(results)
    assert (read_back.error, read_back.stopped, read_back.execution_count) == (error, stopped, 1)
    assert read_back.success is (error is None)


def test_halves_of_surrogate_pairs_do_not_get_onto_the_wire() -> None:
    answer = CodeAnswer(success=True, logs=ExecutionLogs(["a\ud800b"], []))
    assert CodeAnswer.from_text(answer.to_text()).logs.stdout == ["a?b"]
