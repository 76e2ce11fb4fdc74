"""Parts that can be looked at alone."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st

from agentbay.local import store as store_module
from agentbay.local.notices import Once
from agentbay.local.parameters import merged_parameters
from agentbay.local.states import State
from agentbay.local.store import SessionFilter, SessionRecord, Store
from agentbay.local.tools.files import character_boundary

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@given(st.text(), st.integers(1, 9))
def test_slices_at_boundaries_are_whole_characters(text: str, length: int) -> None:
    data = text.encode(errors="surrogatepass")
    cuts = [character_boundary(data, at) for at in range(0, len(data) + length, length)]
    pieces = [data[start:end] for start, end in itertools.pairwise(cuts)]
    assert b"".join(pieces) == data
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert "".join(piece.decode() for piece in pieces) == text


@given(st.binary(), st.integers(0, 30))
def test_a_boundary_is_near_and_never_before_the_position(data: bytes, position: int) -> None:
    boundary = character_boundary(data, position)
    assert min(position, len(data)) <= boundary <= min(position + 3, len(data))


NAMES = st.text(st.characters(codec="utf-8"), min_size=1)


@given(st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"))))
def test_every_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    form = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields.items())
    assert merged_parameters("", form.encode()) == fields
    assert merged_parameters(form, b"") == fields


def test_the_form_wins_over_the_query() -> None:
    assert merged_parameters("a=1&b=2", b"b=3") == {"a": "1", "b": "3"}


def test_notices_are_bounded() -> None:
    once = Once()
    assert once.first("a")
    assert not once.first("a")
    assert sum(once.first(str(number)) for number in range(5000)) < 1000


def record(number: int) -> SessionRecord:
    return SessionRecord(
        session_id=f"s-{number}",
        app_instance_id="ai",
        resource_id="p",
        image_id="linux_latest",
        state=State.RUNNING,
        created_at=float(number),
        labels={"n": str(number)},
    )


async def test_ended_sessions_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "KEEP_ENDED_SESSIONS", 3)
    store = await Store.open(tmp_path / "db")
    try:
        for number in range(8):
            await store.add(record(number))
            if number:
                await store.end(f"s-{number}", "Deleted")
        kept = await store.page(SessionFilter(ended=True), None, 10)
        assert [found.session_id for found in kept.records] == ["s-7", "s-6", "s-5"]
        assert await store.get("s-4") is None
        live = await store.page(SessionFilter(labels={"n": "0"}), None, 10)
        assert (live.total, live.next_before) == (1, None)
        monkeypatch.setattr(store_module, "KEEP_ENDED_SECONDS", -1.0)
        await store.end("s-0", "Deleted")
        assert (await store.page(SessionFilter(ended=True), None, 10)).total == 0
    finally:
        await store.close()
        await store.close()
