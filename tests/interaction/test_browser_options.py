"""How a browser can be started: the checks, and the exact form on the wire."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay import (
    BrowserFingerprint,
    BrowserNotifyMessage,
    BrowserOption,
    BrowserProxy,
    BrowserScreen,
    BrowserViewport,
    FingerprintFormat,
)
from tests.interaction.fingerprints import FINGERPRINT, fingerprints, json_values, unhurried

DEFAULTS = {
    "useStealth": False,
    "solveCaptchas": False,
    "autoLogin": False,
    "callForUser": False,
    "extensionPath": "/tmp/extensions/",
}
NOTHING: dict[str, Any] = {
    "use_stealth": None,
    "solve_captchas": None,
    "auto_login": None,
    "call_for_user": None,
    "extension_path": None,
}

MAPS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, DEFAULTS),
    (NOTHING, {}),
    (
        {
            "use_stealth": True,
            "user_agent": "Demo/1.0",
            "viewport": BrowserViewport(1366, 768),
            "screen": BrowserScreen(),
            "fingerprint": BrowserFingerprint(["desktop"], ["linux"], ["en-US"]),
            "proxies": [BrowserProxy("custom", "http://10.1.2.3:3128", "u")],
            "cmd_args": ["--disable-gpu"],
            "default_navigate_url": "chrome://version/",
            "browser_type": "chromium",
        },
        {
            **DEFAULTS,
            "useStealth": True,
            "userAgent": "Demo/1.0",
            "viewport": {"width": 1366, "height": 768},
            "screen": {"width": 1920, "height": 1080},
            "fingerprint": {
                "devices": ["desktop"],
                "operatingSystems": ["linux"],
                "locales": ["en-US"],
            },
            "proxies": [{"type": "custom", "server": "http://10.1.2.3:3128", "username": "u"}],
            "cmdArgs": ["--disable-gpu"],
            "defaultNavigateUrl": "chrome://version/",
            "browserType": "chromium",
        },
    ),
    (
        {"solve_captchas": True, "auto_login": True, "call_for_user": True, "proxies": []},
        {**DEFAULTS, "solveCaptchas": True, "autoLogin": True, "callForUser": True, "proxies": []},
    ),
    ({**NOTHING, "viewport": BrowserViewport(height=None)}, {"viewport": {"width": 1920}}),
    ({**NOTHING, "fingerprint": BrowserFingerprint()}, {"fingerprint": {}}),
    (
        {**NOTHING, "fingerprint_persistent": True},
        {"fingerprintPersistPath": "/tmp/browser_fingerprint/fingerprint.json"},
    ),
]

PROXIES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"proxy_type": "custom", "server": "s", "username": "u", "password": "p", "strategy": "x"},
        {"type": "custom", "server": "s", "username": "u", "password": "p"},
    ),
    (
        {"proxy_type": "wuying", "strategy": "restricted", "pollsize": -1},
        {"type": "wuying", "strategy": "restricted"},
    ),
    (
        {"proxy_type": "wuying", "strategy": "polling"},
        {"type": "wuying", "strategy": "polling", "pollsize": 10},
    ),
    (
        {"proxy_type": "managed", "strategy": "sticky", "user_id": "me"},
        {"type": "managed", "strategy": "sticky", "userId": "me"},
    ),
    (
        {"proxy_type": "managed", "strategy": "matched", "user_id": "me", "city": "c", "isp": "i"},
        {"type": "managed", "strategy": "matched", "userId": "me", "isp": "i", "city": "c"},
    ),
]

REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: option(proxies=()), "proxies must be a list"),
    (lambda: option(proxies=[custom(), custom()]), "proxies list length must be limited to 1"),
    (lambda: option(extension_path=5), "extension_path must be a string"),
    (lambda: option(extension_path=" "), "extension_path cannot be empty"),
    (lambda: option(cmd_args="--x"), "cmd_args must be a list"),
    (lambda: option(browser_type="firefox"), "browser_type must be 'chrome' or 'chromium'"),
    (lambda: fingerprint(devices="desktop"), "devices must be a list"),
    (lambda: fingerprint(devices=["tv"]), "device must be desktop or mobile"),
    (lambda: fingerprint(operating_systems="linux"), "operating_systems must be a list"),
    (
        lambda: fingerprint(operating_systems=["linux", "os2"]),
        "operating_system must be windows, macos, linux, android or ios",
    ),
    (lambda: BrowserProxy("ftp"), "proxy_type must be custom, wuying, or managed"),
    (lambda: BrowserProxy("custom"), "server is required for custom proxy type"),
    (lambda: BrowserProxy("wuying"), "strategy is required for wuying proxy type"),
    (
        lambda: BrowserProxy("wuying", strategy="sticky"),
        "strategy must be restricted or polling for wuying proxy type",
    ),
    (
        lambda: BrowserProxy("wuying", strategy="polling", pollsize=0),
        "pollsize must be greater than 0 for polling strategy",
    ),
    (lambda: BrowserProxy("managed"), "strategy is required for managed proxy type"),
    (
        lambda: BrowserProxy("managed", strategy="restricted"),
        "strategy must be polling, sticky, rotating, or matched for managed proxy type",
    ),
    (
        lambda: BrowserProxy("managed", strategy="sticky"),
        "user_id is required for managed proxy type",
    ),
    (
        lambda: BrowserProxy("managed", strategy="matched", user_id="me"),
        "At least one of isp, country, province, or city is required for matched strategy",
    ),
    (lambda: BrowserProxy.from_dict({"x": 1}), "type is required in proxy configuration"),
    (lambda: BrowserProxy.from_dict({"type": "ftp"}), "Unsupported proxy type: ftp"),
]


def option(**arguments: Any) -> BrowserOption:
    return BrowserOption(**arguments)


def fingerprint(**arguments: Any) -> BrowserFingerprint:
    return BrowserFingerprint(**arguments)


def custom() -> BrowserProxy:
    return BrowserProxy("custom", "http://p:1")


@pytest.mark.parametrize(("arguments", "expected"), MAPS)
def test_option_on_the_wire(arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    made = BrowserOption(**arguments)
    assert made.to_dict() == expected
    assert BrowserOption.from_dict(expected) == made


@pytest.mark.parametrize(("arguments", "expected"), PROXIES)
def test_proxy_on_the_wire(arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    proxy = BrowserProxy(**arguments)
    assert proxy.type == arguments["proxy_type"]
    assert proxy.to_dict() == expected
    read = BrowserProxy.from_dict(expected)
    assert read is not None
    assert read.to_dict() == expected


def test_no_proxy_is_read_as_none() -> None:
    assert BrowserProxy.from_dict({}) is None
    assert BrowserProxy.from_dict(None) is None


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        make()
    assert str(caught.value) == message


def test_an_option_is_checked_when_it_is_changed() -> None:
    made = BrowserOption()
    wrong: Any = "firefox"
    with pytest.raises(ValueError, match="browser_type"):
        made.browser_type = wrong
    with pytest.raises(TypeError, match="use_stealth"):
        option(use_stealth="yes")


def test_a_given_fingerprint_travels_as_base64_of_readable_json() -> None:
    made = BrowserOption(fingerprint_format=FingerprintFormat.load(FINGERPRINT))
    text = base64.b64decode(made.to_dict()["fingerprintRawData"]).decode()
    assert json.loads(text) == FINGERPRINT
    assert text == json.dumps(FINGERPRINT, indent=2, ensure_ascii=False)
    assert BrowserOption.from_dict(made.to_dict()) == made


def test_secrets_of_a_proxy_are_not_shown() -> None:
    made = option(proxies=[BrowserProxy("custom", "http://me:secret-1@p:1", "me", "secret-2")])
    assert "secret" not in repr(made)


OPTIONS = st.builds(
    BrowserOption,
    use_stealth=st.none() | st.booleans(),
    user_agent=st.none() | st.text(min_size=1),
    viewport=st.none() | st.builds(BrowserViewport, st.integers(), st.integers()),
    screen=st.none() | st.builds(BrowserScreen, st.integers(), st.integers()),
    fingerprint=st.none()
    | st.builds(
        BrowserFingerprint,
        st.none() | st.lists(st.sampled_from(["desktop", "mobile"])),
        st.none() | st.lists(st.sampled_from(["windows", "macos", "linux", "android", "ios"])),
        st.none() | st.lists(st.text()),
    ),
    fingerprint_format=st.none() | fingerprints(),
    fingerprint_persistent=st.booleans(),
    solve_captchas=st.none() | st.booleans(),
    proxies=st.none()
    | st.lists(
        st.builds(BrowserProxy, st.just("custom"), st.text(min_size=1), st.text(), st.text()),
        max_size=1,
    ),
    extension_path=st.none() | st.just("/opt/extensions"),
    cmd_args=st.none() | st.lists(st.text()),
    default_navigate_url=st.none() | st.text(),
    browser_type=st.sampled_from([None, "chrome", "chromium"]),
)


@unhurried
@given(OPTIONS)
def test_what_is_written_is_read_again(made: BrowserOption) -> None:
    travelled = json.loads(json.dumps(made.to_dict()))
    assert BrowserOption.from_dict(travelled) == made


@unhurried
@given(
    st.dictionaries(st.sampled_from([*DEFAULTS, *MAPS[2][1], "fingerprintRawData"]), json_values())
)
def test_any_object_is_an_option_or_is_refused(values: dict[str, Any]) -> None:
    try:
        made = BrowserOption.from_dict(values)
    except (TypeError, ValueError):
        return
    assert isinstance(made, BrowserOption)


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (BrowserNotifyMessage(), {}),
        (BrowserNotifyMessage(extra_params={}), {}),
        (
            BrowserNotifyMessage("call-for-user", 7, 201, "m", "pause", {"max_wait_time": 60}),
            {
                "type": "call-for-user",
                "id": 7,
                "code": 201,
                "message": "m",
                "action": "pause",
                "extraParams": {"max_wait_time": 60},
            },
        ),
        (
            BrowserNotifyMessage.takeover_done(7),
            {
                "type": "call-for-user",
                "id": 7,
                "code": 199,
                "message": "user handle done",
                "action": "takeoverdone",
            },
        ),
    ],
)
def test_notice_on_the_wire(notice: BrowserNotifyMessage, expected: dict[str, Any]) -> None:
    assert notice.to_dict() == expected
    assert BrowserNotifyMessage.from_dict(expected).to_dict() == expected
