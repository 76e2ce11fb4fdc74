"""The framing that both sides share."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay.local.worker.frames import (
    CHUNK_BYTES,
    MAX_HEADER_BYTES,
    MAX_MESSAGE_BYTES,
    WINDOW_BYTES,
    Decoder,
    Frame,
    FrameError,
    Kind,
    Message,
    MessageTooLargeError,
    Receipts,
    batches,
    blob_frames,
    call_frames,
    decode_object,
    encode_object,
    result_frames,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(max_size=20), json_values, max_size=5)
frames = st.builds(
    Frame,
    st.sampled_from(Kind),
    st.integers(0, 2**32 - 1),
    json_objects,
    st.binary(max_size=300),
)


@given(st.lists(frames, max_size=8), st.data())
def test_frames_survive_any_cut_of_the_stream(sent: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(frame.encode() for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder = Decoder()
    received: list[Frame] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += decoder.feed(stream[start:end])
    assert received == sent


def test_single_bytes_make_frames() -> None:
    sent = [Frame(Kind.CALL, 7, {"method": "shell"}), Frame(Kind.DATA, 7, {"blob": "x"}, b"\0\xff")]
    decoder = Decoder()
    stream = b"".join(frame.encode() for frame in sent)
    received = [frame for byte in stream for frame in decoder.feed(bytes([byte]))]
    assert received == sent


@given(st.integers(0, 2**32 - 1), st.text(), json_objects, st.binary(max_size=CHUNK_BYTES * 3))
def test_call_and_answer_round_trip(
    call: int, method: str, params: dict[str, Any], payload: bytes
) -> None:
    decoder = Decoder()
    message: Message | None = None
    for batch in batches(call_frames(call, method, params, payload)):
        for frame in decoder.feed(batch):
            assert frame.call == call
            if frame.kind is Kind.CALL:
                message = Message(frame.text("method"))
            elif frame.kind is Kind.DATA:
                assert message is not None
                message.add(frame)
    assert message is not None
    assert message.method == method
    assert message.take_object("params") == params
    assert message.take_blobs().get("payload", b"") == payload


def test_large_blobs_travel_in_chunks() -> None:
    data = bytes(range(256)) * 4000
    pieces = list(blob_frames(3, "content", data))
    assert max(len(frame.payload) for frame in pieces) == CHUNK_BYTES
    assert b"".join(frame.payload for frame in pieces) == data


def test_an_empty_blob_is_still_a_blob() -> None:
    assert [frame.payload for frame in blob_frames(3, "stdout", b"")] == [b""]


def test_large_results_are_not_bound_by_the_header() -> None:
    result = {"entries": ["x" * 100] * 2000}
    message = Message()
    for frame in result_frames(1, result):
        if frame.kind is Kind.DATA:
            message.add(frame)
    assert message.take_object("result") == result


def test_names_that_are_not_utf8_survive() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert decode_object(encode_object({"name": name})) == {"name": name}


@pytest.mark.parametrize(
    "prefix",
    [
        struct.pack("!BIII", Kind.DATA, 1, MAX_HEADER_BYTES + 1, 0),
        struct.pack("!BIII", Kind.DATA, 1, 0, CHUNK_BYTES + 1),
        struct.pack("!BIII", 99, 1, 0, 0),
        struct.pack("!BIII", Kind.DATA, 1, 2, 0) + b"[]",
        struct.pack("!BIII", Kind.DATA, 1, 3, 0) + b"nul",
        struct.pack("!BIII", Kind.DATA, 1, 2, 0) + b"\xff\xff",
    ],
    ids=["header-size", "payload-size", "kind", "not-an-object", "not-json", "not-utf8"],
)
def test_what_is_no_frame_is_refused_at_once(prefix: bytes) -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(prefix))


def test_deeply_nested_json_is_refused() -> None:
    with pytest.raises(FrameError):
        decode_object(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


def test_frames_that_nobody_could_read_are_not_sent() -> None:
    with pytest.raises(FrameError):
        Frame(Kind.DATA, 1, {"blob": "x"}, b"x" * (CHUNK_BYTES + 1)).encode()
    with pytest.raises(FrameError):
        Frame(Kind.ERROR, 1, {"message": "x" * MAX_HEADER_BYTES}).encode()


def test_a_message_is_bounded() -> None:
    message = Message()
    chunk = Frame(Kind.DATA, 1, {"blob": ""}, bytes(CHUNK_BYTES))
    for _ in range(MAX_MESSAGE_BYTES // CHUNK_BYTES):
        message.add(chunk)
    with pytest.raises(MessageTooLargeError):
        message.add(Frame(Kind.DATA, 1, {"blob": ""}, b"x"))


@given(st.lists(st.integers(0, WINDOW_BYTES), max_size=50))
def test_receipts_give_back_what_was_used_and_no_more(sizes: list[int]) -> None:
    receipts = Receipts()
    given = [receipts.take(size) for size in sizes]
    assert 0 <= sum(sizes) - sum(given) < WINDOW_BYTES // 2
    assert all(size == 0 or size >= WINDOW_BYTES // 2 for size in given)


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.5, "1", True, None])
def test_credit_is_a_sensible_number(value: object) -> None:
    with pytest.raises(FrameError):
        Frame(Kind.CREDIT, 1, {"bytes": value}).amount("bytes")


def test_headers_stay_out_of_reprs() -> None:
    assert "secret" not in repr(Frame(Kind.CALL, 1, {"method": "secret"}))


def test_object_encoding_is_plain_json() -> None:
    assert json.loads(encode_object({"a": "é"})) == {"a": "é"}
