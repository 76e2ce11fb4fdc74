"""A fingerprint, all fingerprints, and all JSON."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from agentbay import FingerprintFormat
from agentbay.models.fingerprint import (
    Brand,
    ExtraProperties,
    Fingerprint,
    NavigatorFingerprint,
    ScreenFingerprint,
    UserAgentData,
    VideoCard,
)

# How fast other tests let this machine be says nothing about what is tested.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SCREEN = {
    "availHeight": 1040,
    "availWidth": 1920,
    "availTop": 0,
    "availLeft": 0,
    "colorDepth": 24,
    "height": 1080,
    "pixelDepth": 24,
    "width": 1920,
    "devicePixelRatio": 1.25,
    "pageXOffset": 0,
    "pageYOffset": 0,
    "innerHeight": 900,
    "outerHeight": 1040,
    "outerWidth": 1920,
    "innerWidth": 1900,
    "screenX": 0,
    "clientWidth": 1885,
    "clientHeight": 20,
    "hasHDR": False,
}
NAVIGATOR = {
    "userAgent": "Mozilla/5.0",
    "userAgentData": {
        "brands": [{"brand": "Chromium", "version": "138"}],
        "mobile": False,
        "platform": "Linux",
        "architecture": "x86",
        "bitness": "64",
        "fullVersionList": [{"brand": "Chromium", "version": "138.0.1"}],
        "model": "",
        "platformVersion": "6.1",
        "uaFullVersion": "138.0.1",
    },
    "doNotTrack": "1",
    "appCodeName": "Mozilla",
    "appName": "Netscape",
    "appVersion": "5.0",
    "oscpu": "",
    "webdriver": "",
    "language": "de-DE",
    "languages": ["de-DE", "en"],
    "platform": "Linux x86_64",
    "deviceMemory": 8,
    "hardwareConcurrency": 4,
    "product": "Gecko",
    "productSub": "20030107",
    "vendor": "Google Inc.",
    "vendorSub": "",
    "maxTouchPoints": 0,
    "extraProperties": {
        "vendorFlavors": ["chrome"],
        "isBluetoothSupported": True,
        "globalPrivacyControl": None,
        "pdfViewerEnabled": True,
        "installedApps": [],
    },
}
FINGERPRINT: dict[str, Any] = {
    "fingerprint": {
        "screen": SCREEN,
        "navigator": NAVIGATOR,
        "videoCodecs": {"ogg": "", "h264": "probably", "webm": "probably"},
        "audioCodecs": {"mp3": "probably"},
        "pluginsData": {"plugins": [], "mimeTypes": ["PDF~~application/pdf~~pdf"]},
        "battery": {"charging": True, "chargingTime": 0, "dischargingTime": None, "level": 1},
        "videoCard": {"renderer": "SwiftShader", "vendor": "Google"},
        "multimediaDevices": {"speakers": [], "micros": [], "webcams": []},
        "fonts": ["Grüße Sans"],
        "mockWebRTC": False,
        "slim": None,
    },
    "headers": {"user-agent": "Mozilla/5.0", "accept-language": "de"},
}


def json_values() -> st.SearchStrategy[Any]:
    """Anything that JSON can say."""
    text = st.text(max_size=20)
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=8,
    )


def fingerprints() -> st.SearchStrategy[FingerprintFormat]:
    """Fingerprints of all kinds."""
    brands = st.lists(st.builds(Brand, st.text(), st.text()), max_size=3)
    number = st.floats(allow_nan=False, allow_infinity=False)
    screen = st.builds(ScreenFingerprint, *[number] * 18, st.booleans())
    navigator = st.builds(
        NavigatorFingerprint,
        user_agent=st.text(),
        user_agent_data=st.none()
        | st.builds(UserAgentData, brands=brands, full_version_list=brands, mobile=st.booleans()),
        webdriver=st.none() | st.booleans() | st.text(),
        languages=st.lists(st.text(), max_size=3),
        device_memory=st.none() | number,
        max_touch_points=st.none() | st.integers(),
        extra_properties=st.none()
        | st.builds(
            ExtraProperties,
            vendor_flavors=st.lists(st.text(), max_size=2),
            global_privacy_control=st.none() | st.booleans(),
            installed_apps=st.lists(json_values(), max_size=2),
        ),
    )
    objects = st.dictionaries(st.text(), json_values(), max_size=3)
    fingerprint = st.builds(
        Fingerprint,
        screen,
        navigator,
        video_codecs=st.none() | st.dictionaries(st.text(), st.text(), max_size=3),
        plugins_data=st.none() | objects,
        battery=st.none() | objects,
        video_card=st.builds(VideoCard, st.text(), st.text()),
        multimedia_devices=st.none() | objects | st.lists(json_values(), max_size=2),
        fonts=st.none() | st.lists(st.text(), max_size=3),
        mock_webrtc=st.booleans(),
        slim=st.none() | st.booleans(),
    )
    headers = st.dictionaries(st.text(), st.text(), max_size=3)
    return st.builds(FingerprintFormat, fingerprint, headers)
