"""Code execution as the reference has it: members, parameters and fields, on both surfaces."""

from __future__ import annotations

import inspect

import attrs
import pytest

import agentbay
from agentbay import (
    AsyncCode,
    Code,
    CodeExecutionResult,
    EnhancedCodeExecutionResult,
    ExecutionError,
    ExecutionLogs,
)

PARAMETERS = (
    "self, code, language, timeout_s=60, stream_beta=False, on_stdout=None, on_stderr=None, "
    "on_error=None"
)
FIELDS = {
    CodeExecutionResult: "text html markdown png jpeg svg json latex chart is_main_result",
    ExecutionLogs: "stdout stderr",
    ExecutionError: "name value traceback",
    EnhancedCodeExecutionResult: (
        "request_id success execution_count execution_time logs results error error_message"
    ),
}


@pytest.mark.parametrize("surface", [AsyncCode, Code])
@pytest.mark.parametrize("name", ["run_code", "run", "execute"])
def test_members_and_parameters(surface: type, name: str) -> None:
    member = getattr(surface, name)
    signature = inspect.signature(member)
    shown = [
        parameter.name
        if parameter.default is parameter.empty
        else f"{parameter.name}={parameter.default}"
        for parameter in signature.parameters.values()
    ]
    assert ", ".join(shown) == PARAMETERS
    assert inspect.iscoroutinefunction(member) is (surface is AsyncCode)
    assert signature.return_annotation == "EnhancedCodeExecutionResult"


@pytest.mark.parametrize("model", FIELDS, ids=lambda model: model.__name__)
def test_fields_in_the_order_of_construction(model: type[attrs.AttrsInstance]) -> None:
    names = [field.name for field in attrs.fields(model) if not field.kw_only]
    assert names == FIELDS[model].split()
    assert getattr(agentbay, model.__name__) is model


def test_defaults() -> None:
    result = EnhancedCodeExecutionResult()
    assert (result.request_id, result.get_request_id(), result.success) == ("", "", False)
    assert (result.execution_count, result.execution_time, result.error) == (None, 0.0, None)
    assert (result.logs, result.results, result.error_message) == (ExecutionLogs([], []), [], "")
    assert result.result == ""


def test_formats_are_in_the_order_of_the_fields() -> None:
    every = CodeExecutionResult("t", "h", "m", "p", "j", "s", {"a": 1}, "l", {"mark": "bar"}, True)
    names = FIELDS[CodeExecutionResult].split()[:-1]
    assert every.formats() == names
    assert CodeExecutionResult(is_main_result=True).formats() == []
    assert CodeExecutionResult(svg="", text=None).formats() == ["svg"]
    assert CodeExecutionResult(json=[], png="x").formats() == ["png", "json"]


@pytest.mark.parametrize(
    ("results", "stdout", "shown"),
    [
        ([("first", False), ("main", True)], ["out"], "main"),
        ([("first", False), ("", True)], ["out"], "first"),
        ([("", False), ("second", False)], ["o", "ut"], "out"),
        ([], [], ""),
    ],
)
def test_the_result_as_text(results: list[tuple[str, bool]], stdout: list[str], shown: str) -> None:
    items = [CodeExecutionResult(text=text, is_main_result=is_main) for text, is_main in results]
    found = EnhancedCodeExecutionResult("r", True, 1, 0.1, ExecutionLogs(stdout, []), items)
    assert found.result == shown


def test_results_show_themselves_in_notebooks() -> None:
    both = CodeExecutionResult(text="42", html="<b>42</b>", is_main_result=True)
    bundle = {"text/plain": "42", "text/html": "<b>42</b>"}
    assert both._repr_mimebundle_(None, None) == bundle
    found = EnhancedCodeExecutionResult(success=True, results=[CodeExecutionResult("1"), both])
    assert found._repr_mimebundle_(None, None) == bundle
    written = EnhancedCodeExecutionResult(success=True, logs=ExecutionLogs(["out"], []))
    assert written._repr_mimebundle_(None, None) == {"text/plain": "out"}
    failed = EnhancedCodeExecutionResult(error_message="why")
    assert failed._repr_mimebundle_(None, None) == {"text/plain": "why"}
    assert "text/plain" in CodeExecutionResult()._repr_mimebundle_(None, None)
