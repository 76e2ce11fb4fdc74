"""The browser of a session, and the debug bridge of a phone."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen

from agentbay._wire.actions.links import LinkData
from agentbay._wire.codec import JsonText, WireObject
from agentbay._wire.request import Request, SuccessRule

__all__ = ("BrowserData", "GetAdbLink", "GetCdpLink", "InitBrowser")


@frozen(kw_only=True)
class BrowserData(WireObject):
    """What ``InitBrowser`` gives back; without a port there is no browser."""

    port: int | None = None


@frozen(kw_only=True)
class InitBrowser(Request[BrowserData]):
    """Start the browser of a session; only the port in the reply tells whether it runs."""

    idempotent: ClassVar[bool] = False
    data_type: ClassVar[Any] = BrowserData
    success_rule: ClassVar[SuccessRule] = SuccessRule.IGNORED
    json_text = {"browser_option": JsonText.ASCII}

    session_id: str
    persistent_path: str | None = None
    browser_option: dict[str, Any] | None = field(default=None, repr=False)


@frozen(kw_only=True)
class GetCdpLink(Request[LinkData]):
    """Ask for a URL by which the browser can be driven."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = LinkData

    session_id: str


@frozen(kw_only=True)
class GetAdbLink(Request[LinkData]):
    """Ask for the address of a phone's debug bridge."""

    idempotent: ClassVar[bool] = True
    data_type: ClassVar[Any] = LinkData
    json_text = {"option": JsonText.ASCII}

    session_id: str
    option: dict[str, str] = field(repr=False)
    """``adbkey_pub``: the public key to be let in."""
