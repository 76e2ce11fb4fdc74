"""Fingerprints: their forms, and taking one from a real browser."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from agentbay import (
    AsyncBrowserFingerprintGenerator,
    BrowserFingerprintGenerator,
    FingerprintFormat,
)
from agentbay.models.fingerprint import (
    NavigatorFingerprint,
    ScreenFingerprint,
    UserAgentData,
    VideoCard,
)
from tests.interaction.fingerprints import (
    FINGERPRINT,
    NAVIGATOR,
    SCREEN,
    fingerprints,
    json_values,
    unhurried,
)
from tests.interaction.pages import chromium


def changed(part: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(FINGERPRINT)
    data["fingerprint"][part] = value
    return data


@pytest.mark.parametrize("data", [FINGERPRINT, json.dumps(FINGERPRINT)], ids=["object", "text"])
def test_load(data: Any) -> None:
    loaded = FingerprintFormat.load(data)
    assert loaded.to_dict() == FINGERPRINT
    assert loaded.fingerprint.screen.has_hdr is False
    assert loaded.fingerprint.screen.page_x_offset == 0
    assert loaded.fingerprint.navigator.user_agent_data is not None
    assert loaded.fingerprint.navigator.user_agent_data.brands[0].brand == "Chromium"
    assert loaded.headers["accept-language"] == "de"


def test_text_is_readable() -> None:
    text = FingerprintFormat.load(FINGERPRINT).to_json()
    assert '\n  "fingerprint": {\n' in text
    assert "Grüße Sans" in text
    assert "\\u00fc" in FingerprintFormat.load(FINGERPRINT).to_json(None, ensure_ascii=True)


@unhurried
@given(fingerprints())
def test_what_is_written_is_read_again(fingerprint: FingerprintFormat) -> None:
    assert FingerprintFormat.load(fingerprint.to_json()) == fingerprint
    assert FingerprintFormat.load(fingerprint.to_dict()) == fingerprint


def test_what_is_missing_has_its_default() -> None:
    loaded = FingerprintFormat.load({"fingerprint": {"screen": SCREEN, "unknown": 1}})
    assert loaded.fingerprint.navigator == NavigatorFingerprint()
    assert loaded.fingerprint.navigator.hardware_concurrency == 8
    assert loaded.fingerprint.navigator.user_agent_data == UserAgentData()
    assert loaded.fingerprint.video_card == VideoCard("Unknown", "Unknown")
    assert (loaded.fingerprint.mock_webrtc, loaded.fingerprint.slim) == (False, None)
    assert loaded.headers == {}


@pytest.mark.parametrize("value", [None, [], "x", {"vendor": "only"}])
def test_a_graphics_card_of_another_form_is_unknown(value: Any) -> None:
    card = FingerprintFormat.load(changed("videoCard", value)).fingerprint.video_card
    assert card == VideoCard("Unknown", "Unknown")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (5, "Invalid data type: expected dict or str, got int"),
        (None, "Invalid data type: expected dict or str, got NoneType"),
        ({}, "Invalid data: expected a dictionary"),
        ("[]", "Invalid data: expected a dictionary"),
        ({"headers": {}}, "Invalid data: fingerprint and headers must be dictionaries"),
        ({"fingerprint": {}}, "Failed to create ScreenFingerprint: there is none"),
        (changed("screen", 5), "Failed to create ScreenFingerprint: expected an object"),
        (
            changed("screen", {**SCREEN, "depth": 1}),
            "Failed to create ScreenFingerprint: unknown depth",
        ),
        (
            changed("screen", {key: SCREEN[key] for key in SCREEN if key != "hasHDR"}),
            "Failed to create ScreenFingerprint: missing hasHDR",
        ),
        (changed("navigator", 5), "Failed to create NavigatorFingerprint: expected an object"),
    ],
)
def test_what_is_no_fingerprint_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        FingerprintFormat.load(data)
    assert str(caught.value) == message


@unhurried
@given(json_values())
def test_any_json_is_a_fingerprint_or_is_refused(value: Any) -> None:
    for data in (json.dumps(value), changed("navigator", value), changed("screen", value)):
        try:
            FingerprintFormat.load(data).to_json()
        except ValueError:
            continue


def test_create() -> None:
    parts = (ScreenFingerprint.from_dict(SCREEN), NavigatorFingerprint.from_dict(NAVIGATOR))
    card, headers = VideoCard("r", "v"), {"a": "b"}
    made = FingerprintFormat.create(*parts, card, headers, fonts=["F"], mock_webrtc=True)
    assert made.fingerprint.fonts == ["F"]
    assert made.to_dict()["fingerprint"]["mockWebRTC"] is True
    assert made.to_dict()["fingerprint"]["videoCodecs"] == {}
    of_json = FingerprintFormat.create(
        SCREEN, NAVIGATOR, {"renderer": "r", "vendor": "v"}, headers, fonts=["F"], mock_webrtc=True
    )
    assert of_json == made


async def test_taking_one(tmp_path: Path) -> None:
    generator = AsyncBrowserFingerprintGenerator(headless=True, executable_path=chromium())
    taken = await generator.generate_fingerprint()
    assert taken is not None
    assert FingerprintFormat.load(taken.to_json()) == taken
    assert "Chrome" in taken.headers["user-agent"]
    assert taken.headers["user-agent"] == taken.fingerprint.navigator.user_agent
    assert {"accept", "accept-encoding", "sec-fetch-mode", "sec-ch-ua"} <= taken.headers.keys()
    data = taken.fingerprint.navigator.user_agent_data
    assert data is not None
    assert data.full_version_list
    assert taken.fingerprint.screen.width > 0
    assert taken.fingerprint.audio_codecs
    assert set(taken.fingerprint.audio_codecs) == {"ogg", "mp3", "wav", "m4a", "aac"}


def test_taking_one_into_a_file(tmp_path: Path) -> None:
    generator = BrowserFingerprintGenerator(headless=True, executable_path=chromium())
    file = tmp_path / "fingerprint.json"
    assert generator.generate_fingerprint_to_file(str(file))
    assert FingerprintFormat.load(file.read_text("utf-8")).headers
    assert not generator.generate_fingerprint_to_file(str(tmp_path / "missing" / "f.json"))


async def test_without_a_browser_there_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    generator = AsyncBrowserFingerprintGenerator(executable_path=str(tmp_path / "no-browser"))
    with caplog.at_level(logging.WARNING, "agentbay.browser"):
        assert await generator.generate_fingerprint() is None
    assert "no-browser" in caplog.text
    assert not await generator.generate_fingerprint_to_file(str(tmp_path / "f.json"))
    assert not (tmp_path / "f.json").exists()
