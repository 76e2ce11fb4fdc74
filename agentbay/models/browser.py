"""How a browser is started."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, Literal

from attrs import Attribute, define, field, frozen, validators

from agentbay.models.browser_context import EXTENSIONS_PATH, FINGERPRINT_PATH
from agentbay.models.fingerprint import FingerprintFormat

__all__ = (
    "BrowserFingerprint",
    "BrowserOption",
    "BrowserProxy",
    "BrowserScreen",
    "BrowserViewport",
)

FINGERPRINT_FILE: Final = f"{FINGERPRINT_PATH}/fingerprint.json"
DEVICES: Final = ("desktop", "mobile")
OPERATING_SYSTEMS: Final = ("windows", "macos", "linux", "android", "ios")
MAX_PROXIES: Final = 1

_text: Any = validators.optional(validators.instance_of(str))
_flag: Any = validators.optional(validators.instance_of(bool))
_number: Any = validators.optional(validators.instance_of(int))


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _objects(name: str, values: list[Any]) -> list[Mapping[str, Any]]:
    if not all(isinstance(value, Mapping) for value in values):
        raise TypeError(f"{name} must be made of objects")
    return values


def _list(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{attribute.name} must be a list")


@frozen
class BrowserViewport:
    """The size of the part of a window that shows the page, in pixels."""

    width: int | None = field(default=1920, validator=_number)
    height: int | None = field(default=1080, validator=_number)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return _present({"width": self.width, "height": self.height})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BrowserViewport:
        """Read what :meth:`to_dict` wrote."""
        return cls(values.get("width"), values.get("height"))


@frozen
class BrowserScreen:
    """The size of the screen that pages see, in pixels."""

    width: int | None = field(default=1920, validator=_number)
    height: int | None = field(default=1080, validator=_number)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        return _present({"width": self.width, "height": self.height})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BrowserScreen:
        """Read what :meth:`to_dict` wrote."""
        return cls(values.get("width"), values.get("height"))


@frozen
class BrowserFingerprint:
    """What a random fingerprint must look like; anything goes where nothing is said.

    Args:
        devices: ``desktop``, ``mobile``.
        operating_systems: ``windows``, ``macos``, ``linux``, ``android``, ``ios``.
        locales: Languages, for example ``en-US``.

    Raises:
        ValueError: a list is none, or holds something else.
    """

    devices: list[str] | None = field(default=None, validator=_list)
    operating_systems: list[str] | None = field(default=None, validator=_list)
    locales: list[str] | None = None

    def __attrs_post_init__(self) -> None:
        if not set(DEVICES).issuperset(self.devices or ()):
            raise ValueError("device must be desktop or mobile")
        if not set(OPERATING_SYSTEMS).issuperset(self.operating_systems or ()):
            raise ValueError("operating_system must be windows, macos, linux, android or ios")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        found = {
            "devices": self.devices,
            "operatingSystems": self.operating_systems,
            "locales": self.locales,
        }
        return _present(found)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BrowserFingerprint:
        """Read what :meth:`to_dict` wrote."""
        return cls(values.get("devices"), values.get("operatingSystems"), values.get("locales"))


@frozen
class BrowserProxy:
    """By which way a browser reaches the internet.

    Args:
        proxy_type: ``custom``: your own server. ``wuying``: proxies of the service.
            ``managed``: proxies that the service manages for you.
        server: URL of your own proxy.
        username: For your own proxy.
        password: For your own proxy.
        strategy: How an address is chosen. ``wuying``: ``restricted`` or ``polling``; ``managed``:
            ``polling``, ``sticky``, ``rotating`` or ``matched``.
        pollsize: How many addresses ``wuying`` proxies take turns with.
        user_id: Your name for the user of a ``managed`` proxy.
        isp: Provider that a ``matched`` address should belong to.
        country: Where it should be.
        province: Where it should be.
        city: Where it should be.

    Raises:
        ValueError: an argument is missing or out of range.
    """

    type: str = field(alias="proxy_type")
    server: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    strategy: str | None = None
    pollsize: int = 10
    user_id: str | None = None
    isp: str | None = None
    country: str | None = None
    province: str | None = None
    city: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.type == "custom":
            if not self.server:
                raise ValueError("server is required for custom proxy type")
        elif self.type == "wuying":
            self._check_wuying()
        elif self.type == "managed":
            self._check_managed()
        else:
            raise ValueError("proxy_type must be custom, wuying, or managed")

    def _check_wuying(self) -> None:
        if not self.strategy:
            raise ValueError("strategy is required for wuying proxy type")
        if self.strategy not in ("restricted", "polling"):
            raise ValueError("strategy must be restricted or polling for wuying proxy type")
        if self.strategy == "polling" and self.pollsize <= 0:
            raise ValueError("pollsize must be greater than 0 for polling strategy")

    def _check_managed(self) -> None:
        if not self.strategy:
            raise ValueError("strategy is required for managed proxy type")
        if self.strategy not in ("polling", "sticky", "rotating", "matched"):
            raise ValueError(
                "strategy must be polling, sticky, rotating, or matched for managed proxy type"
            )
        if not self.user_id:
            raise ValueError("user_id is required for managed proxy type")
        if self.strategy == "matched" and not any(
            (self.isp, self.country, self.province, self.city)
        ):
            raise ValueError(
                "At least one of isp, country, province, or city is required for matched strategy"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        found: dict[str, Any]
        if self.type == "custom":
            found = {"server": self.server, "username": self.username, "password": self.password}
        elif self.type == "wuying":
            pollsize = self.pollsize if self.strategy == "polling" else None
            found = {"strategy": self.strategy, "pollsize": pollsize}
        else:
            found = {
                "strategy": self.strategy,
                "userId": self.user_id,
                "isp": self.isp,
                "country": self.country,
                "province": self.province,
                "city": self.city,
            }
        return _present({"type": self.type, **found})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> BrowserProxy | None:
        """Read what :meth:`to_dict` wrote; nothing becomes ``None``.

        Raises:
            ValueError: it is no proxy.
        """
        if not values:
            return None
        if not values.get("type"):
            raise ValueError("type is required in proxy configuration")
        if values["type"] not in ("custom", "wuying", "managed"):
            raise ValueError(f"Unsupported proxy type: {values['type']}")
        names = ("server", "username", "password", "strategy", "isp", "country", "province", "city")
        return cls(
            values["type"],
            **{name: values.get(name) for name in names},
            user_id=values.get("userId"),
            pollsize=values.get("pollsize", 10),
        )


def _one_proxy(_: object, __: Attribute[Any], value: list[Any] | None) -> None:
    if value is not None and len(value) > MAX_PROXIES:
        raise ValueError("proxies list length must be limited to 1")


def _extension_path(_: object, __: Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ValueError("extension_path must be a string")
    if not value.strip():
        raise ValueError("extension_path cannot be empty")


def _browser_type(_: object, __: Attribute[Any], value: object) -> None:
    if value not in (None, "chrome", "chromium"):
        raise ValueError("browser_type must be 'chrome' or 'chromium'")


@define
class BrowserOption:
    """How a browser is started; every argument is optional.

    Args:
        use_stealth: Hide from sites that a program drives the browser.
        user_agent: What the browser calls itself.
        viewport: Size of the part of the window that shows the page.
        screen: Size of the screen that pages see.
        fingerprint: What a random fingerprint must look like.
        fingerprint_format: A fingerprint to take as it is.
        fingerprint_persistent: Keep the fingerprint in the session's
            :class:`BrowserFingerprintContext`.
        solve_captchas: Let the service solve them.
        auto_login: Let the service log in to sites it knows.
        call_for_user: Let the service ask for a human where it is stuck.
        proxies: By which way the browser reaches the internet; at most one.
        extension_path: Directory in the session with the unpacked extensions to load.
        cmd_args: More command-line switches.
        default_navigate_url: The page opened at the start.
        browser_type: ``chrome`` or ``chromium``; only images with a desktop have the choice.

    Raises:
        ValueError: an argument is out of range.
        TypeError: an argument is of another type.
    """

    use_stealth: bool | None = field(default=False, validator=_flag)
    user_agent: str | None = field(default=None, validator=_text)
    viewport: BrowserViewport | None = None
    screen: BrowserScreen | None = None
    fingerprint: BrowserFingerprint | None = None
    fingerprint_format: FingerprintFormat | None = None
    fingerprint_persistent: bool = field(default=False, validator=_flag)
    solve_captchas: bool | None = field(default=False, validator=_flag)
    auto_login: bool | None = field(default=False, validator=_flag)
    call_for_user: bool | None = field(default=False, validator=_flag)
    proxies: list[BrowserProxy] | None = field(default=None, validator=[_list, _one_proxy])
    extension_path: str | None = field(default=EXTENSIONS_PATH, validator=_extension_path)
    cmd_args: list[str] | None = field(default=None, validator=_list)
    default_navigate_url: str | None = field(default=None, validator=_text)
    browser_type: Literal["chrome", "chromium"] | None = field(
        default=None, validator=_browser_type
    )

    @property
    def fingerprint_persist_path(self) -> str | None:
        """Where the session keeps the fingerprint; ``None`` when it does not."""
        return FINGERPRINT_FILE if self.fingerprint_persistent else None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        raw = self.fingerprint_format
        found = {
            "useStealth": self.use_stealth,
            "userAgent": self.user_agent or None,
            "viewport": self.viewport.to_dict() if self.viewport else None,
            "screen": self.screen.to_dict() if self.screen else None,
            "fingerprint": self.fingerprint.to_dict() if self.fingerprint else None,
            "fingerprintRawData": base64.b64encode(raw.to_json().encode()).decode()
            if raw
            else None,
            "fingerprintPersistPath": self.fingerprint_persist_path,
            "solveCaptchas": self.solve_captchas,
            "autoLogin": self.auto_login,
            "callForUser": self.call_for_user,
            "proxies": None if self.proxies is None else [p.to_dict() for p in self.proxies],
            "extensionPath": self.extension_path,
            "cmdArgs": None if self.cmd_args is None else list(self.cmd_args),
            "defaultNavigateUrl": self.default_navigate_url,
            "browserType": self.browser_type,
        }
        return _present(found)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BrowserOption:
        """Read what :meth:`to_dict` wrote; names that it does not know are ignored.

        Raises:
            ValueError: a value is out of range.
            TypeError: a value is of another type.
        """
        parts: dict[str, Any] = {
            "viewport": BrowserViewport,
            "screen": BrowserScreen,
            "fingerprint": BrowserFingerprint,
        }
        parts = {name: kind for name, kind in parts.items() if values.get(name) is not None}
        _objects("the option", [values[name] for name in parts])
        given = {name: kind.from_dict(values[name]) for name, kind in parts.items()}
        if values.get("fingerprintRawData") is not None:
            text = base64.b64decode(values["fingerprintRawData"], validate=True).decode()
            given["fingerprint_format"] = FingerprintFormat.load(text)
        if values.get("proxies") is not None:
            proxies = _objects("proxies", values["proxies"])
            given["proxies"] = [BrowserProxy.from_dict(proxy) for proxy in proxies]
        return cls(
            use_stealth=values.get("useStealth"),
            user_agent=values.get("userAgent"),
            fingerprint_persistent=bool(values.get("fingerprintPersistPath")),
            solve_captchas=values.get("solveCaptchas"),
            auto_login=values.get("autoLogin"),
            call_for_user=values.get("callForUser"),
            extension_path=values.get("extensionPath"),
            cmd_args=values.get("cmdArgs"),
            default_navigate_url=values.get("defaultNavigateUrl"),
            browser_type=values.get("browserType"),
            **given,
        )
