"""Images are profiles: which tools a session offers. The file system is the same for all."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from attrs import frozen

from agentbay._wire.envelope import Code, service_error
from agentbay.local.notices import Once
from agentbay.local.tools.registry import offered_tools

if TYPE_CHECKING:
    from agentbay._wire.actions.tools import ToolListing

__all__ = ("DEFAULT_IMAGE", "PROFILES", "Image", "Profile", "resolve_image")

logger = logging.getLogger(__name__)

DEFAULT_IMAGE = "linux_latest"

_BASE_SERVERS = frozenset({"wuying_shell", "wuying_filesystem", "wuying_system"})


@frozen
class Profile:
    """What the sessions of an image offer."""

    name: str
    servers: frozenset[str]

    def tools(self) -> tuple[ToolListing, ...]:
        """Return the tools, as they are announced."""
        return tuple(tool.listing() for tool in offered_tools(self.servers))


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(DEFAULT_IMAGE, _BASE_SERVERS | {"wuying_codespace"}),
        Profile("code_latest", _BASE_SERVERS | {"wuying_codespace"}),
        Profile("browser_latest", _BASE_SERVERS),
    )
}

_NEAREST = {
    "windows_latest": DEFAULT_IMAGE,
    "mobile_latest": DEFAULT_IMAGE,
    "aio-ubuntu-2404": DEFAULT_IMAGE,
}
"""Images of the cloud that cannot exist here: their programs run as far as Linux carries them."""

_CUSTOM = re.compile(r"imgc-[A-Za-z0-9._-]{1,100}")

_noticed = Once()


@frozen
class Image:
    """An image as it was asked for, and the profile that stands for it."""

    id: str
    profile: Profile


def resolve_image(image_id: str | None) -> Image:
    """Return the image of that id; the default one when there is none.

    Raises:
        ServiceError: There is no such image.
    """
    name = image_id or DEFAULT_IMAGE
    if name in PROFILES:
        return Image(name, PROFILES[name])
    nearest = _NEAREST.get(name) or (DEFAULT_IMAGE if _CUSTOM.fullmatch(name) else None)
    if nearest is None:
        known = ", ".join([*PROFILES, *_NEAREST, "imgc-..."])
        raise service_error(
            Code.INVALID_IMAGE,
            f"There is no image {name!r}. The local runtime knows: {known}",
            http_status=400,
        )
    if _noticed.first(name):
        logger.warning("Image %s does not exist locally; sessions get %s instead", name, nearest)
    return Image(name, PROFILES[nearest])
