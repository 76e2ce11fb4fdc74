"""Tools: schemas, arguments, and what their texts mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay._wire.catalogue import TOOLS
from agentbay._wire.tools.base import Tool, tool_error
from agentbay._wire.tools.files import DirectoryLine, GetFileInfo, ReadFile, WriteFile
from agentbay._wire.tools.reading import tool_text
from agentbay._wire.tools.shell import Shell, ShellAnswer
from agentbay.errors import ProtocolError


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.tool_name)
def test_listings_are_complete(tool: type[Tool]) -> None:
    listing = tool.listing()
    assert listing.description.endswith(".")
    assert listing.server.startswith("wuying_")
    assert listing.input_schema["type"] == "object"
    assert set(listing.input_schema["required"]) <= set(listing.input_schema["properties"])
    json.dumps(listing.input_schema)


def test_schema_says_types_and_defaults() -> None:
    schema = Shell.listing().input_schema
    assert schema["required"] == ["command"]
    assert schema["properties"] == {
        "command": {"type": "string"},
        "timeout_ms": {"type": "integer", "default": 1000},
        "cwd": {"type": "string"},
        "envs": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    assert ReadFile.listing().input_schema["properties"]["format"] == {
        "type": "string",
        "enum": ["text", "binary"],
    }


def test_absent_arguments_are_not_sent() -> None:
    assert Shell(command="ls").arguments() == {"command": "ls", "timeout_ms": 1000}


def test_content_stays_out_of_repr() -> None:
    assert "secret" not in repr(WriteFile(path="p", content="secret"))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "command"),
        ({"command": None}, "command"),
        ({"command": "x", "colour": 1}, "colour"),
        ({"command": "x", "timeout_ms": -1}, "timeout_ms"),
        ({"command": "x", "envs": {"a": [1]}}, "envs"),
        ({"command": "x", "envs": "a"}, "envs"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Shell.from_arguments(arguments)
    assert named in str(caught.value)
    assert "shell" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"exit_code":0,"stdout":"o","stderr":"e"}', ShellAnswer(0, "o", "e")),
        ('{"exit_code":3,"stdout":"o"}', ShellAnswer(3, "o")),
        ('{"errorCode":4,"stdout":"","stderr":"e","traceId":"t"}', ShellAnswer(4, "", "e", "t")),
        ('{"stdout":"o","stderr":"e"}', ShellAnswer(0, "o", "e")),
    ],
)
def test_wrapped_forms(text: str, expected: ShellAnswer) -> None:
    assert ShellAnswer.from_text(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "plain", "[1]", "5", '{"a": 1}', '{"errorCode": 1, "stderr": "e"}', '{"exit_code": true}'],
)
def test_anything_else_is_output(text: str) -> None:
    assert ShellAnswer.from_text(text) == ShellAnswer(stdout=text, wrapped=False)


@given(st.integers(-128, 255), st.text(), st.text(), st.text())
def test_shell_answers_round_trip(code: int, stdout: str, stderr: str, reason: str) -> None:
    answer = ShellAnswer(code, stdout, stderr, "trace" if code or reason else "", reason)
    assert ShellAnswer.from_text(answer.to_text()) == answer


def test_a_failed_shell_reads_as_its_standard_error() -> None:
    failed = ShellAnswer(127, "", "sh: 1: nope: not found\n", "t").to_text()
    meaning = tool_text("shell", failed, is_error=True)
    assert (meaning.success, meaning.data) == (False, "")
    assert meaning.error_message == "sh: 1: nope: not found\n"
    stopped = ShellAnswer(-1, "part", "warning", "t", "[timeout] stopped").to_text()
    assert tool_text("shell", stopped, is_error=True).error_message == "[timeout] stopped"
    assert ShellAnswer.from_text(stopped).timed_out
    assert ShellAnswer.from_text(tool_error(-1, "[timeout]")).timed_out
    assert not ShellAnswer.from_text(failed).timed_out
    old = tool_error(127, "sh: 1: nope: not found")
    assert tool_text("shell", old, is_error=True).error_message == old
    silent = tool_text("shell", ShellAnswer(1).to_text(), is_error=False)
    assert silent.error_message == "exit status 1"


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), st.booleans())
def test_directory_lines_round_trip(name: str, is_directory: bool) -> None:
    line = DirectoryLine(name, is_directory)
    assert DirectoryLine.parse(f" {line}\r") == line


def test_other_lines_are_skipped() -> None:
    assert DirectoryLine.parse("total 5") is None


def test_file_facts() -> None:
    text = GetFileInfo.format({"name": "a", "size": 9, "isFile": True, "permissions": "644"})
    assert text == "name: a\nsize: 9\nisFile: true\npermissions: 644"
    assert GetFileInfo.parse(text + "\nmodified: 2025-05-01T10:00:00Z\nratio: 0.5\n\n") == {
        "name": "a",
        "size": 9,
        "isFile": True,
        "permissions": 644,
        "modified": "2025-05-01T10:00:00Z",
        "ratio": 0.5,
    }
