"""Names of keys."""

from __future__ import annotations

from typing import Any

import pytest

from agentbay import get_supported_key_names, normalize_keys


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["CTRL", "C"], ["Ctrl", "c"]),
        (["alt", "TAB"], ["Alt", "Tab"]),
        (["win", "d"], ["Win", "d"]),
        (["Foo", "FOO", "", "1"], ["Foo", "FOO", "", "1"]),
        (["return", "del", "PGUP", "break"], ["Enter", "Delete", "PageUp", "Pause"]),
        (["up", "ArrowLEFT", "f12", "f24", "f25"], ["ArrowUp", "ArrowLeft", "F12", "F24", "f25"]),
        (["minus", "BackTick", "backslash"], ["-", "`", "\\"]),
        (["cmd", "Control", "windows", "meta"], ["Command", "Ctrl", "Win", "Meta"]),
        ("CTRL", ["Ctrl"]),
        ([], []),
    ],
    ids=str,
)
def test_normalize_keys(given: Any, wanted: list[str]) -> None:
    assert normalize_keys(given) == wanted


def test_what_is_no_string_passes() -> None:
    odd: Any = [1, None, "A"]
    assert normalize_keys(odd) == [1, None, "a"]


def test_supported_names_by_group() -> None:
    names = get_supported_key_names()
    groups = ["modifier_keys", "function_keys", "arrow_keys", "f_keys", "special_chars"]
    assert list(names) == groups
    assert len(names["f_keys"]) == 24
    names["f_keys"].clear()
    assert len(get_supported_key_names()["f_keys"]) == 24, "the caller gets a copy"
