"""Frames of a session's WebSocket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay._wire.channel import (
    CHUNK_BYTES,
    MAX_FRAME_BYTES,
    Frame,
    decode_bytes,
    encode_bytes,
)
from agentbay.errors import ProtocolError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(texts.filter(bool), texts, texts, st.dictionaries(texts, json_values, max_size=4), texts)
def test_frames_survive(
    identity: str, source: str, target: str, data: dict[str, Any], error: str
) -> None:
    frame = Frame(identity, source, target, data, error)
    assert Frame.from_text(frame.to_text()) == frame


@given(st.binary(max_size=400))
def test_bytes_survive(data: bytes) -> None:
    assert decode_bytes(json.loads(json.dumps(encode_bytes(data)))) == data


@given(texts)
def test_text_travels_as_text(text: str) -> None:
    assert encode_bytes(text.encode()) == {"encoding": "utf8", "data": text}


@pytest.mark.parametrize("byte", [b"\0", b"\x1f", b"a", b"\xff", b'"'])
def test_a_frame_with_a_whole_chunk_is_not_too_large(byte: bytes) -> None:
    frame = Frame("i" * 32, "SDK", "PTY_SERVER", {"x": encode_bytes(byte * CHUNK_BYTES)})
    assert len(frame.to_text().encode()) < MAX_FRAME_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "1",
        "null",
        "{}",
        '{"invocationId": ""}',
        '{"invocationId": 5}',
        "[" * 100_000,
    ],
)
def test_what_is_no_frame_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        Frame.from_text(text)


@pytest.mark.parametrize(
    ("given_data", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("[1]", None),
        ("text", None),
        ([1], None),
        (None, None),
        (7, None),
    ],
)
def test_data_is_an_object_or_one_as_text(given_data: Any, expected: Any) -> None:
    body = {"requestId": "r", "source": 1, "target": None, "error": {}, "data": given_data}
    assert Frame.from_text(json.dumps(body)) == Frame("r", "", "", expected)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": 1},
        {"data": "x", "encoding": "utf16"},
        {"data": "*", "encoding": "base64"},
        {"data": "\ud800"},
        {"data": "é", "encoding": "base64"},
    ],
)
def test_what_are_no_bytes_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decode_bytes(fields)
