"""Where the command works: in the cloud, on a runtime elsewhere, or on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import field, frozen

from agentbay.config import LOCAL_ENDPOINT, Config, load_dotenv, load_settings

if TYPE_CHECKING:
    from agentbay import AsyncAgentBay

__all__ = ("Target", "choose_target", "has_key")

KEY_VARIABLE = "AGENTBAY_API_KEY"
ENDPOINT_VARIABLE = "AGENTBAY_ENDPOINT"


@frozen
class Target:
    """Where sessions are created, and why there.

    Attributes:
        reason: What decided it.
        config: Configuration of the client; None for the one of the environment.
        base_url: URL of the service without credentials; empty for the embedded runtime.
    """

    reason: str
    config: Config | None = field(repr=False)
    base_url: str

    @property
    def is_local(self) -> bool:
        """Whether the runtime embedded in this process is meant."""
        return not self.base_url

    def __str__(self) -> str:
        place = self.base_url or "the local runtime on this machine"
        return f"{place} ({self.reason})"

    def client(self) -> AsyncAgentBay:
        """Return a new client of this target."""
        from agentbay import AsyncAgentBay

        return AsyncAgentBay(cfg=self.config)


def choose_target(endpoint: str | None = None, *, prefer_local: bool = False) -> Target:
    """Decide where to work.

    An *endpoint* counts most, then ``AGENTBAY_ENDPOINT``; without both it is the cloud when
    there is a key, else this machine. A ``.env`` file counts as the environment.

    Args:
        endpoint: What the user asked for on the command line.
        prefer_local: Do not take a key as a reason to go to the cloud.

    Raises:
        ConfigurationError: there is no key for the endpoint, or it cannot be one.
    """
    load_dotenv()
    config: Config | None = None
    if endpoint:
        reason, config = "--endpoint", Config(endpoint=endpoint)
    elif os.environ.get(ENDPOINT_VARIABLE):
        reason = ENDPOINT_VARIABLE
    elif os.environ.get(KEY_VARIABLE) and not prefer_local:
        reason = f"{KEY_VARIABLE} is set"
    else:
        reason = "the default" if prefer_local else f"{KEY_VARIABLE} is not set"
        config = Config(endpoint=LOCAL_ENDPOINT)
    settings = load_settings(cfg=config)
    return Target(reason, config, _without_credentials(settings.base_url))


def has_key() -> bool:
    """Return whether an API key is configured; never what it is."""
    return bool(os.environ.get(KEY_VARIABLE))


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
