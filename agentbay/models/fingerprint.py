"""Fingerprints: by what sites tell one browser from another.

Names of the JSON form are those of the browser, in camelCase; the classes here spell them in
snake_case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs
from attrs import define, field

__all__ = (
    "Brand",
    "ExtraProperties",
    "Fingerprint",
    "FingerprintFormat",
    "NavigatorFingerprint",
    "ScreenFingerprint",
    "UserAgentData",
    "VideoCard",
)

PartT = TypeVar("PartT", bound="Part")

IRREGULAR: Final = {"has_hdr": "hasHDR", "mock_webrtc": "mockWebRTC"}


def _spelling(name: str) -> str:
    first, *rest = name.split("_")
    return IRREGULAR.get(name, first + "".join(part.capitalize() for part in rest))


def _json(value: Any) -> Any:
    if isinstance(value, Part):
        return value.to_dict()
    return [_json(item) for item in value] if isinstance(value, list) else value


@define
class Part:
    """Base of the objects in a fingerprint."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        names = [item.name for item in attrs.fields(type(self))]
        return {_spelling(name): _json(getattr(self, name)) for name in names}

    @classmethod
    def from_dict(cls: type[PartT], values: Mapping[str, Any]) -> PartT:
        """Read the JSON object *values*; what it lacks has its default, the rest is ignored."""
        names = {item.name: _spelling(item.name) for item in attrs.fields(cls)}
        return cls(**{name: values[key] for name, key in names.items() if key in values})


def _read(kind: type[PartT], value: Any) -> Any:
    """Take an object in either form; anything else stays what it is."""
    return kind.from_dict(value) if isinstance(value, Mapping) else value


@define
class ScreenFingerprint(Part):
    """What pages see of the screen; lengths are in pixels."""

    avail_height: float
    avail_width: float
    avail_top: float
    avail_left: float
    color_depth: float
    height: float
    pixel_depth: float
    width: float
    device_pixel_ratio: float
    page_x_offset: float
    page_y_offset: float
    inner_height: float
    outer_height: float
    outer_width: float
    inner_width: float
    screen_x: float
    client_width: float
    client_height: float
    has_hdr: bool

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScreenFingerprint:
        """Read the JSON object *values*, in which nothing may be missing or unknown.

        Raises:
            ValueError: something is.
        """
        names = [_spelling(item.name) for item in attrs.fields(cls)]
        missing = [name for name in names if name not in values]
        unknown = sorted(str(name) for name in values if name not in names)
        if missing or unknown:
            problems = [f"missing {', '.join(missing)}"] * bool(missing)
            problems += [f"unknown {', '.join(unknown)}"] * bool(unknown)
            raise ValueError(f"Failed to create ScreenFingerprint: {'; '.join(problems)}")
        return cls(*(values[name] for name in names))


@define
class Brand(Part):
    """One of the names that a browser goes by."""

    brand: str = ""
    version: str = ""


def _brands(values: Any) -> list[Brand]:
    return [_read(Brand, value) for value in values or ()]


@define
class UserAgentData(Part):
    """What the browser calls itself, in parts."""

    brands: list[Brand] = field(factory=list, converter=_brands)
    mobile: bool = False
    platform: str = ""
    architecture: str = ""
    bitness: str = ""
    full_version_list: list[Brand] = field(factory=list, converter=_brands)
    model: str = ""
    platform_version: str = ""
    ua_full_version: str = ""


@define
class ExtraProperties(Part):
    """Marks that only some browsers have."""

    vendor_flavors: list[str] = field(factory=list)
    is_bluetooth_supported: bool = False
    global_privacy_control: bool | None = None
    pdf_viewer_enabled: bool = True
    installed_apps: list[Any] = field(factory=list)


def _user_agent_data(value: Any) -> UserAgentData | None:
    found: UserAgentData | None = _read(UserAgentData, value)
    return found


def _extra_properties(value: Any) -> ExtraProperties | None:
    found: ExtraProperties | None = _read(ExtraProperties, value)
    return found


@define
class NavigatorFingerprint(Part):
    """What pages see of the browser."""

    user_agent: str = ""
    user_agent_data: UserAgentData | None = field(factory=UserAgentData, converter=_user_agent_data)
    do_not_track: str | None = ""
    app_code_name: str = ""
    app_name: str = ""
    app_version: str = ""
    oscpu: str | None = ""
    webdriver: str | bool | None = ""
    language: str = ""
    languages: list[str] = field(factory=list)
    platform: str = ""
    device_memory: float | None = None
    hardware_concurrency: int = 8
    product: str = ""
    product_sub: str = ""
    vendor: str = ""
    vendor_sub: str = ""
    max_touch_points: int | None = None
    extra_properties: ExtraProperties | None = field(
        factory=ExtraProperties, converter=_extra_properties
    )


@define
class VideoCard(Part):
    """The graphics card."""

    renderer: str = "Unknown"
    vendor: str = "Unknown"


def _screen(value: Any) -> ScreenFingerprint:
    screen: ScreenFingerprint = _read(ScreenFingerprint, value)
    if not isinstance(screen, ScreenFingerprint):
        raise ValueError("Failed to create ScreenFingerprint: expected an object")
    return screen


def _navigator(value: Any) -> NavigatorFingerprint:
    navigator: NavigatorFingerprint = _read(NavigatorFingerprint, value)
    if not isinstance(navigator, NavigatorFingerprint):
        raise ValueError("Failed to create NavigatorFingerprint: expected an object")
    return navigator


def _video_card(value: Any) -> VideoCard:
    if isinstance(value, VideoCard):
        return value
    if isinstance(value, Mapping) and {"renderer", "vendor"} <= value.keys():
        return VideoCard.from_dict(value)
    return VideoCard()


@define
class Fingerprint(Part):
    """By what sites tell one browser from another, apart from the headers of requests.

    Attributes:
        screen: The screen.
        navigator: The browser.
        video_codecs: Codec -> ``probably``, ``maybe`` or nothing.
        audio_codecs: The same.
        plugins_data: ``plugins`` and ``mimeTypes``.
        battery: The state of charge, where there is a battery.
        video_card: The graphics card.
        multimedia_devices: ``speakers``, ``micros`` and ``webcams``.
        fonts: Names of the fonts.
        mock_webrtc: Whether calls are imitated.
        slim: Whether only the most important parts are imitated.
    """

    screen: ScreenFingerprint = field(converter=_screen)
    navigator: NavigatorFingerprint = field(factory=NavigatorFingerprint, converter=_navigator)
    video_codecs: dict[str, str] | None = field(factory=dict)
    audio_codecs: dict[str, str] | None = field(factory=dict)
    plugins_data: dict[str, Any] | None = field(factory=dict)
    battery: dict[str, Any] | None = None
    video_card: VideoCard = field(factory=VideoCard, converter=_video_card)
    multimedia_devices: dict[str, Any] | list[Any] | None = field(factory=list)
    fonts: list[str] | None = field(factory=list)
    mock_webrtc: bool = False
    slim: bool | None = None


@define
class FingerprintFormat:
    """A fingerprint and the headers that go with it.

    Give it to a browser as ``BrowserOption(use_stealth=True, fingerprint_format=...)``.
    """

    fingerprint: Fingerprint
    headers: dict[str, str] = field(factory=dict)

    @classmethod
    def load(cls, data: dict[str, Any] | str) -> FingerprintFormat:
        """Read a fingerprint from its JSON form, as an object or as text.

        Raises:
            ValueError: it is none.
        """
        if isinstance(data, dict):
            return cls.from_dict(data)
        if isinstance(data, str):
            return cls.from_json(data)
        raise ValueError(f"Invalid data type: expected dict or str, got {type(data).__name__}")

    @classmethod
    def create(
        cls,
        screen: ScreenFingerprint | Mapping[str, Any],
        navigator: NavigatorFingerprint | Mapping[str, Any],
        video_card: VideoCard | Mapping[str, Any],
        headers: Mapping[str, str],
        video_codecs: dict[str, str] | None = None,
        audio_codecs: dict[str, str] | None = None,
        plugins_data: dict[str, Any] | None = None,
        battery: dict[str, Any] | None = None,
        multimedia_devices: dict[str, Any] | list[Any] | None = None,
        fonts: list[str] | None = None,
        mock_webrtc: bool = False,
        slim: bool | None = None,
    ) -> FingerprintFormat:
        """Make a fingerprint of its parts, each an object or its JSON form.

        Raises:
            ValueError: the screen lacks something, or has something unknown.
        """
        fingerprint = Fingerprint(
            screen,
            navigator,
            video_codecs or {},
            audio_codecs or {},
            plugins_data or {},
            battery,
            video_card,
            multimedia_devices or [],
            fonts or [],
            mock_webrtc,
            slim,
        )
        return cls(fingerprint, dict(headers))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FingerprintFormat:
        """Read a fingerprint from its JSON object.

        Raises:
            ValueError: it is none.
        """
        if not values or not isinstance(values, dict):
            raise ValueError("Invalid data: expected a dictionary")
        fingerprint, headers = values.get("fingerprint"), values.get("headers") or {}
        if not isinstance(fingerprint, dict) or not isinstance(headers, dict):
            raise ValueError("Invalid data: fingerprint and headers must be dictionaries")
        if "screen" not in fingerprint:
            raise ValueError("Failed to create ScreenFingerprint: there is none")
        try:
            return cls(Fingerprint.from_dict(fingerprint), dict(headers))
        except (AttributeError, TypeError) as exc:
            raise ValueError(f"Invalid data: {exc}") from exc

    @classmethod
    def from_json(cls, text: str) -> FingerprintFormat:
        """Read a fingerprint from its JSON text.

        Raises:
            ValueError: it is none.
        """
        try:
            return cls.from_dict(json.loads(text))
        except RecursionError as exc:
            raise ValueError("Invalid data: nested too deeply") from exc

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"fingerprint": self.fingerprint.to_dict(), "headers": dict(self.headers)}

    def to_json(self, indent: int | None = 2, ensure_ascii: bool = False) -> str:
        """Return the JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=ensure_ascii)
