"""The texts of the tools for files and environment, read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay import FileChangeEvent
from agentbay._wire.catalogue import TOOLS
from agentbay._wire.tools.files import (
    Edit,
    EditFile,
    GetFileChange,
    GetFileInfo,
    ReadMultipleFiles,
    SearchFiles,
)
from agentbay._wire.tools.system import EnvVariable, GetEnv, SetEnv
from agentbay.errors import ProtocolError

NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1)


def test_calls_are_spelled_as_the_service_does() -> None:
    call = EditFile(path="/f", edits=[Edit("a", "b")], dry_run=True)
    assert call.arguments() == {
        "path": "/f",
        "edits": [{"oldText": "a", "newText": "b"}],
        "dryRun": True,
    }
    assert EditFile.from_arguments(call.arguments()) == call
    assert SearchFiles(path="/", pattern="*").arguments() == {"path": "/", "pattern": "*"}
    assert SearchFiles(path="/", pattern="*", exclude_patterns="a,b").arguments() == {
        "path": "/",
        "pattern": "*",
        "excludePatterns": "a,b",
    }
    variables = SetEnv(envs=[EnvVariable("A", "x y")])
    assert variables.arguments() == {"envs": [{"key": "A", "value": "x y"}]}
    assert GetEnv().arguments() == {}


def test_schemas_describe_what_is_in_an_array() -> None:
    schema = EditFile.listing().input_schema
    assert schema["required"] == ["path", "edits"]
    assert schema["properties"]["edits"] == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"oldText": {"type": "string"}, "newText": {"type": "string"}},
            "required": ["oldText", "newText"],
            "additionalProperties": False,
        },
    }
    keys = GetEnv.listing().input_schema["properties"]["keys"]
    assert keys == {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("edit_file", {"path": "f"}, "edits"),
        ("edit_file", {"path": "f", "edits": [{"oldText": "a"}]}, "newText"),
        ("edit_file", {"path": "f", "edits": [{"oldText": "a", "newText": "b", "x": 1}]}, "x"),
        ("edit_file", {"path": "f", "edits": [], "dryRun": "maybe"}, "dryRun"),
        ("read_multiple_files", {"paths": "f"}, "paths"),
        ("search_files", {"path": "f"}, "pattern"),
        ("move_file", {"source": "f"}, "destination"),
        ("set_env", {"envs": {"A": "b"}}, "envs"),
        ("set_env", {"envs": [{"key": "A"}]}, "value"),
    ],
)
def test_wrong_arguments_are_named(tool: str, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ProtocolError, match=named):
        TOOLS[tool].from_arguments(arguments)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("permissions: 644", {"permissions": 644}),
        ("name: 2024", {"name": 2024}),
        ("ratio: 1.5", {"ratio": 1.5}),
        ("isFile: TRUE\nisDirectory: False", {"isFile": True, "isDirectory": False}),
        ("path: /a:b: c", {"path": "/a:b: c"}),
        ("modified: 2025-05-01T10:00:00Z", {"modified": "2025-05-01T10:00:00Z"}),
        ("no colon\n\n  size :  9 \r", {"size": 9}),
        ("", {}),
    ],
)
def test_facts(text: str, facts: dict[str, Any]) -> None:
    assert GetFileInfo.parse(text) == facts


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ("/a:\nAAA\n\n---\n/b:\nBBB\n", {"/a": "AAA", "/b": "BBB"}),
        ("/a: first \n second\n", {"/a": "first\n second"}),
        ("/a:\n\n\n--- \n/b:\n", {"/a": "", "/b": ""}),
        ("/a:\none\n---\ntwo\nthree: 3", {"/a": "one", "three": "3"}),
        ("C:\\x:\ny", {"C": "\\x:\ny"}),
        ("/a: Error - no", {"/a": "Error - no"}),
        ("lost\n\n", {}),
        ("", {}),
    ],
)
def test_several_files(text: str, contents: dict[str, str]) -> None:
    assert ReadMultipleFiles.parse(text) == contents


LINES = st.text(st.characters(exclude_categories=["Cs"])).filter(
    lambda text: not any(line.strip() == "---" for line in text.split("\n"))
)


@given(st.dictionaries(NAMES, LINES))
def test_several_files_round_trip(contents: dict[str, str]) -> None:
    blocks = [ReadMultipleFiles.block(path, text) for path, text in contents.items()]
    read = ReadMultipleFiles.parse(ReadMultipleFiles.format(blocks))
    assert read == {path: text.strip() for path, text in contents.items()}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("No matches found", []),
        ("\nNo matches found\n", []),
        ("/a\n/b\n", ["/a", "/b"]),
        ("/a", ["/a"]),
    ],
)
def test_found_paths(text: str, paths: list[str]) -> None:
    assert SearchFiles.parse(text) == paths


@given(st.lists(NAMES))
def test_found_paths_round_trip(names: list[str]) -> None:
    assert SearchFiles.parse(SearchFiles.format(names)) == names


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("[]", []),
        ("{}", []),
        ("5", []),
        ("no json", []),
        ("[" * 100_000, []),
        ('[1, null, "x", {}]', [FileChangeEvent()]),
        ('[{"eventType": "modify", "path": 5}]', [FileChangeEvent("modify")]),
        (
            '[{"eventType":"modify","path":"/w/a","pathType":"file","more":1}]',
            [FileChangeEvent("modify", "/w/a", "file")],
        ),
    ],
)
def test_changes(text: str, events: list[FileChangeEvent]) -> None:
    assert GetFileChange.parse(text) == events


@given(st.lists(st.builds(FileChangeEvent, st.text(), st.text(), st.text())))
def test_changes_round_trip(events: list[FileChangeEvent]) -> None:
    assert GetFileChange.parse(GetFileChange.format(events)) == events


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("[]", {}),
        ("no json", {}),
        ("{" * 5, {}),
        ('{"A": "x y", "B": 1, "C": null}', {"A": "x y", "B": "1", "C": "null"}),
    ],
)
def test_variables(text: str, variables: dict[str, str]) -> None:
    assert GetEnv.parse(text) == variables


@given(st.dictionaries(st.text(), st.text()))
def test_variables_round_trip(variables: dict[str, str]) -> None:
    assert GetEnv.parse(GetEnv.format(variables)) == variables


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text() | JSON.map(json.dumps))
def test_no_text_breaks_a_parser(text: str) -> None:
    assert isinstance(GetFileInfo.parse(text), dict)
    assert isinstance(ReadMultipleFiles.parse(text), dict)
    assert isinstance(SearchFiles.parse(text), list)
    assert isinstance(GetFileChange.parse(text), list)
    assert isinstance(GetEnv.parse(text), dict)
