"""Answers of desktops and phones: whatever arrives, readers raise nothing but what they name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay._wire.codec import lenient_converter
from agentbay._wire.tools.answers import load_bounded
from agentbay._wire.tools.applications import GetInstalledApps, parse_processes
from agentbay._wire.tools.capture import LongScreenshot, ScreenshotAnswer
from agentbay._wire.tools.desktop import GetScreenSize
from agentbay._wire.tools.mobile import GetAllUiElements, GetClickableUiElements
from agentbay._wire.tools.windows import GetActiveWindow, ListRootWindows, WindowAnswer
from agentbay.errors import ProtocolError

TEN_MEGABYTES = 10 * 1024 * 1024


def read_png(text: str) -> ScreenshotAnswer:
    return ScreenshotAnswer.from_text(text, "png", "another format")


READERS: list[Callable[[str], Any]] = [
    GetActiveWindow.parse,
    GetAllUiElements.parse,
    GetClickableUiElements.parse,
    GetInstalledApps.parse,
    GetScreenSize.parse,
    ListRootWindows.parse,
    parse_processes,
    read_png,
]

NAMES = [
    *("window_id", "window_title", "title", "absolute_upper_left_x", "width", "height", "pid"),
    *("pname", "child_windows", "name", "start_cmd", "stop_cmd", "work_directory", "cmdline"),
    *("bounds", "text", "index", "isParent", "children", "left", "top", "right", "bottom"),
    *("type", "mime_type", "data"),
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)
TEXTS = st.text() | VALUES.map(json.dumps)


def outcome(read: Callable[[str], Any], text: str) -> str:
    """Read *text*; what a reader may raise becomes a word, all else fails the test."""
    try:
        read(text)
    except ProtocolError:
        return "other"
    except ValueError:
        return "no JSON"
    return "read"


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__qualname__)
@given(TEXTS, st.integers(0, 40))
def test_readers_raise_only_what_they_say(read: Callable[[str], Any], text: str, cut: int) -> None:
    outcome(read, text)
    outcome(read, text[:-cut])


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__qualname__)
@pytest.mark.parametrize(
    "text",
    [
        "<html><body>502 Bad Gateway</body></html>",
        "9" * 5000,
        "\ud800",
        "[" * TEN_MEGABYTES,
        '{"a":' * (TEN_MEGABYTES // 5),
        "x" * TEN_MEGABYTES,
        "[" + "[]," * 500_000 + "5]",
        '[{"child_windows": [' + "[]," * 20_000 + "5]}]",
        '{"data": "' + "A" * TEN_MEGABYTES + '"}',
    ],
    ids=["html", "number", "surrogate", "arrays", "objects", "text", "flat", "inner", "data"],
)
def test_large_and_hostile_answers(read: Callable[[str], Any], text: str) -> None:
    assert outcome(read, text) != "read" or text.startswith(('{"data"', '[{"child'))


@given(
    st.binary(),
    st.sampled_from(["png", "jpeg"]),
    st.none() | st.integers(0, 9999),
    st.none() | st.integers(0, 9999),
)
def test_pictures_round_trip(data: bytes, kind: str, width: int | None, height: int | None) -> None:
    picture = ScreenshotAnswer(
        mime_type=f"image/{kind}",
        data=ScreenshotAnswer.SIGNATURES[kind] + data,
        width=width,
        height=height,
    )
    assert ScreenshotAnswer.from_text(picture.to_text(), kind, "") == picture


def test_a_picture_of_ten_megabytes() -> None:
    data = ScreenshotAnswer.SIGNATURES["png"] + bytes(TEN_MEGABYTES)
    encoded = base64.b64encode(data).decode()
    answer = json.dumps({"type": "image", "mime_type": "image/png", "data": encoded})
    assert read_png(answer).data == data


WINDOWS: st.SearchStrategy[WindowAnswer] = st.deferred(
    lambda: st.builds(
        WindowAnswer,
        window_id=st.integers(0, 2**32),
        window_title=st.text(min_size=1),
        width=st.none() | st.integers(0, 9999),
        pname=st.none() | st.text(),
        child_windows=st.lists(WINDOWS, max_size=2),
    )
)


@given(st.lists(WINDOWS, max_size=3))
def test_windows_round_trip(windows: list[WindowAnswer]) -> None:
    text = json.dumps(lenient_converter.unstructure(windows))
    assert ListRootWindows.parse(text) == [window.window() for window in windows]


def test_depth_is_counted_in_objects_and_arrays() -> None:
    assert load_bounded("[[1]]", max_depth=2) == [[1]]
    assert load_bounded('{"a": {"b": 1}}', max_depth=2) == {"a": {"b": 1}}
    assert load_bounded("5", max_depth=1) == 5
    for text in ("[[[]]]", '{"a": [{}]}', '[[1], [{"a": 1}]]'):
        with pytest.raises(ValueError, match="more than 2 objects and arrays"):
            load_bounded(text, max_depth=2)


def test_the_format_of_elements_can_be_left_out() -> None:
    assert GetAllUiElements(format=None).arguments() == {"timeout_ms": 2000}
    assert GetAllUiElements.listing().input_schema["properties"]["format"] == {
        "type": "string",
        "default": "json",
    }


@pytest.mark.parametrize("screens", [1, 11])
def test_long_pictures_are_bounded(screens: int) -> None:
    with pytest.raises(ProtocolError, match="max_screens"):
        LongScreenshot.from_arguments({"max_screens": screens})
