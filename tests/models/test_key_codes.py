"""Keys of a phone."""

from __future__ import annotations

import json

import pytest

from agentbay import KeyCode


def test_codes_have_no_gaps() -> None:
    assert [code.value for code in KeyCode] == list(range(289))
    assert all(code.name.startswith("KEYCODE_") for code in KeyCode)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEYCODE_UNKNOWN", 0),
        ("KEYCODE_HOME", 3),
        ("KEYCODE_0", 7),
        ("KEYCODE_Z", 54),
        ("KEYCODE_ENTER", 66),
        ("KEYCODE_FUNCTION", 119),
        ("KEYCODE_F12", 142),
        ("KEYCODE_NUMPAD_RIGHT_PAREN", 163),
        ("KEYCODE_APP_SWITCH", 187),
        ("KEYCODE_3D_MODE", 206),
        ("KEYCODE_11", 227),
        ("KEYCODE_TV_NETWORK", 241),
        ("KEYCODE_STEM_PRIMARY", 264),
        ("KEYCODE_PROFILE_SWITCH", 288),
    ],
)
def test_code(name: str, value: int) -> None:
    assert KeyCode[name] == value
    assert json.dumps(KeyCode[name]) == str(value)


def test_short_names() -> None:
    names = ("HOME", "BACK", "VOLUME_UP", "VOLUME_DOWN", "POWER", "MENU")
    assert [KeyCode[name].value for name in names] == [3, 4, 24, 25, 26, 82]
    assert set(KeyCode.__members__) - {code.name for code in KeyCode} == set(names)
