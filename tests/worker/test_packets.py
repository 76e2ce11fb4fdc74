"""The packets between the runtime and a program."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay.local.worker.frames import CHUNK_BYTES, FrameError
from agentbay.local.worker.packets import (
    Packet,
    PacketDecoder,
    number_in,
    pack,
    pack_number,
    pack_size,
    size_in,
)

packets = st.tuples(st.sampled_from(Packet), st.binary(max_size=300))


@given(st.lists(packets, max_size=8), st.data())
def test_packets_survive_any_cut(sent: list[tuple[Packet, bytes]], data: st.DataObject) -> None:
    stream = b"".join(pack(kind, payload) for kind, payload in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder = PacketDecoder()
    received: list[tuple[Packet, bytes]] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += decoder.feed(stream[start:end])
    assert received == sent


@given(st.integers(0, 2**32 - 1))
def test_numbers(number: int) -> None:
    ((kind, payload),) = PacketDecoder().feed(pack_number(Packet.TAKEN, number))
    assert (kind, number_in(payload)) == (Packet.TAKEN, number)


@given(st.integers(1, 500), st.integers(1, 500))
def test_sizes(columns: int, rows: int) -> None:
    ((kind, payload),) = PacketDecoder().feed(pack_size(columns, rows))
    assert (kind, size_in(payload)) == (Packet.RESIZE, (columns, rows))


@pytest.mark.parametrize(
    "data",
    [struct.pack("!BI", 99, 0), struct.pack("!BI", 0, 0), struct.pack("!BI", 1, CHUNK_BYTES + 1)],
    ids=["unknown", "zero", "large"],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        list(PacketDecoder().feed(data))


@given(st.binary(max_size=10).filter(lambda data: len(data) != 4))
def test_payloads_of_the_wrong_size_are_refused(payload: bytes) -> None:
    for read in (number_in, size_in):
        with pytest.raises(FrameError):
            read(payload)
