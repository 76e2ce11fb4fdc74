"""Configuration: arguments, environment variables, ``.env`` files, regions and endpoints."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import Attribute, define, field, frozen

from agentbay.errors import ConfigurationError
from agentbay.logs import LOG_VARIABLES, configure_from_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = (
    "DEFAULT_REGION",
    "DEFAULT_TIMEOUT_MS",
    "LOCAL_ENDPOINT",
    "Config",
    "RetryPolicy",
    "Settings",
)

logger = logging.getLogger("agentbay.config")

DEFAULT_REGION = "cn-hangzhou"
DEFAULT_TIMEOUT_MS = 60_000
LOCAL_ENDPOINT = "local"
"""The endpoint that means: the runtime embedded in this process."""

LONGEST_LEASE = 24 * 60 * 60

KNOWN_REGIONS = frozenset({"cn-hangzhou", "ap-southeast-1", "us-east-1"})
# The pre-release gateways follow no common pattern.
PRE_RELEASE_HOSTS: Mapping[str, str] = {
    "cn-hangzhou": "agentbay-pre.cn-hangzhou.aliyuncs.com",
    "ap-southeast-1": "wuyingai-pre.ap-southeast-1.aliyuncs.com",
}

MISSING_KEY = (
    "API key is required. Provide it as a parameter or set the "
    "AGENTBAY_API_KEY environment variable"
)


def _endpoint(value: str | None) -> str | None:
    return value or None


@frozen(kw_only=True)
class RetryPolicy:
    """How often a request that failed is sent again, and after what pauses.

    Sent again is what may do better next time: after a connection that could not be made or
    broke, and after HTTP 429, 502, 503 and 504. Creating a session, calling a tool and whatever
    else must not happen twice is sent again only if the service certainly did nothing: when no
    connection could be made, or when it refused for being too busy (429). All attempts together
    have the deadline of the call.

    Args:
        max_attempts: Attempts in all; 1 turns repeating off.
        base_delay: Longest pause before the second attempt, in seconds; it doubles with each
            further one. Pauses are drawn at random between 0 and the longest.
        max_delay: What the longest pause grows to, in seconds. A pause that the service asks for
            (``Retry-After``) is kept whatever its length, if the deadline allows it; if not, the
            call fails at once.

    Raises:
        ConfigurationError: a value is out of range.
    """

    max_attempts: int = 4
    base_delay: float = 0.2
    max_delay: float = 10.0

    def __attrs_post_init__(self) -> None:
        for name, value, kind, least in (
            ("max_attempts", self.max_attempts, int, 1),
            ("base_delay", self.base_delay, (int, float), 0),
            ("max_delay", self.max_delay, (int, float), 0),
        ):
            usable = isinstance(value, kind) and not isinstance(value, bool)
            if not usable or not least <= value < math.inf:
                raise ConfigurationError(
                    f"RetryPolicy({name}={value!r}) cannot be used: "
                    f"give a finite number of at least {least}"
                    f"{', a whole one' if kind is int else ''}"
                )


def _check_owner(_config: Config, _attribute: Attribute[str | None], owner: object) -> None:
    if owner is not None and (not isinstance(owner, str) or not owner.strip()):
        raise ConfigurationError(f"Config(owner={owner!r}) cannot be used: give a name, or None")


def _check_lease(_config: Config, _attribute: Attribute[float], lease: object) -> None:
    usable = isinstance(lease, int | float) and not isinstance(lease, bool)
    if not usable or not 1 <= lease <= LONGEST_LEASE:  # type: ignore[operator]  # it is a number
        raise ConfigurationError(
            f"Config(owner_lease={lease!r}) cannot be used: "
            f"give a number of seconds from 1 to {LONGEST_LEASE}"
        )


@define
class Config:
    """How to reach the service. With one given, no environment variable but the key counts.

    Args:
        timeout_ms: Deadline of an API call, and of connecting, in milliseconds; default 60000.
        region_id: Region where sessions run; decides the endpoint; default ``cn-hangzhou``.
            Wins over *endpoint*, unless that is ``"local"``.
        endpoint: ``"local"`` for the runtime embedded in this process, a host name (reached by
            HTTPS), or ``http://host:port`` / ``https://host:port``.
        proxy: URL of an HTTP proxy for all connections.
        trust_env: Take proxies from ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``; default.
        ca_file: PEM file of certificate authorities to trust besides the system's.
        verify: Verify server certificates; turn off for experiments only.
        connector: An aiohttp connector to use instead of the client's own; it stays the
            caller's to close.
        retry: How often a request that failed is sent again.
        owner: Name under which the sessions that this client creates are found again by
            ``reap()``, should this process die; ``AGENTBAY_OWNER`` without a configuration.
            By default sessions have no owner.
        owner_lease: Seconds for which this process vouches for its sessions at a time; only
            processes on other machines have to go by that. Each is renewed after a quarter of it.

    Raises:
        ConfigurationError: the owner or its lease cannot be used.
    """

    timeout_ms: int | None = None
    region_id: str | None = None
    endpoint: str | None = field(default=None, converter=_endpoint)
    proxy: str | None = field(default=None, kw_only=True, repr=False)
    trust_env: bool = field(default=True, kw_only=True)
    ca_file: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    verify: bool = field(default=True, kw_only=True)
    connector: Any = field(default=None, kw_only=True)
    retry: RetryPolicy = field(factory=RetryPolicy, kw_only=True)
    owner: str | None = field(default=None, kw_only=True, validator=_check_owner)
    owner_lease: float = field(default=300.0, kw_only=True, validator=_check_lease)


@frozen(kw_only=True)
class Settings:
    """A configuration with every default and environment variable applied.

    Attributes:
        api_key: The key; empty for the embedded runtime, which has its own.
        base_url: Where requests go; empty for the embedded runtime.
        region_id: What is sent as ``LoginRegionId``.
        timeout: Deadline of an API call in seconds.
        network: Proxy, certificates and connector, as configured.
    """

    api_key: str = field(repr=False)
    base_url: str
    region_id: str
    timeout: float
    network: Config

    @property
    def is_local(self) -> bool:
        """Whether the runtime embedded in this process is meant."""
        return not self.base_url


def load_settings(
    api_key: str = "", cfg: Config | None = None, env_file: str | None = None
) -> Settings:
    """Resolve what the client's constructor was given.

    Raises:
        ConfigurationError: there is no API key, or the endpoint cannot be one.
    """
    if cfg is None or not (api_key or os.environ.get("AGENTBAY_API_KEY")):
        load_dotenv(env_file)
    chosen = cfg if cfg is not None else _from_environment()
    base_url, region_id = _locate(chosen, explicit=cfg is not None)
    key = api_key or os.environ.get("AGENTBAY_API_KEY", "")
    if not key and base_url:
        raise ConfigurationError(MISSING_KEY)
    timeout_ms = chosen.timeout_ms
    if not isinstance(timeout_ms, int) or timeout_ms <= 0:
        timeout_ms = DEFAULT_TIMEOUT_MS
    return Settings(
        api_key=key,
        base_url=base_url,
        region_id=region_id,
        timeout=timeout_ms / 1000,
        network=chosen,
    )


def _from_environment() -> Config:
    timeout_ms = None
    text = os.environ.get("AGENTBAY_TIMEOUT_MS")
    if text:
        try:
            timeout_ms = int(text)
        except ValueError:
            logger.warning("Invalid AGENTBAY_TIMEOUT_MS value: %s, using default", text)
    return Config(
        timeout_ms=timeout_ms,
        region_id=os.environ.get("AGENTBAY_REGION_ID"),
        endpoint=os.environ.get("AGENTBAY_ENDPOINT"),
        owner=os.environ.get("AGENTBAY_OWNER", "").strip() or None,
    )


def _locate(config: Config, *, explicit: bool) -> tuple[str, str]:
    """Return the base URL (empty for the embedded runtime) and the region to send."""
    endpoint = (config.endpoint or "").strip()
    # "local" wins over a region: who goes offline must never reach the cloud by accident.
    if endpoint.lower() == LOCAL_ENDPOINT:
        return "", config.region_id or DEFAULT_REGION
    if endpoint and not config.region_id:
        return _endpoint_url(endpoint), DEFAULT_REGION
    if endpoint:
        source = "Config(endpoint=...)" if explicit else "AGENTBAY_ENDPOINT"
        logger.warning("%s is ignored because a region is set: %s", source, config.region_id)
    host, region = region_host(config.region_id or DEFAULT_REGION)
    return f"https://{host}", region


def region_host(region_id: str) -> tuple[str, str]:
    """Return the host that serves *region_id*, and the region to send."""
    region = region_id.removeprefix("pre-")
    known = PRE_RELEASE_HOSTS if region != region_id else KNOWN_REGIONS
    if region not in known:
        logger.warning("Unknown region %s; trying the usual form of its endpoint", region_id)
    if region != region_id:
        return PRE_RELEASE_HOSTS.get(region, f"agentbay-pre.{region}.aliyuncs.com"), region
    return f"agentbay.{region}.aliyuncs.com", region


def _endpoint_url(endpoint: str) -> str:
    url = endpoint if "://" in endpoint else f"https://{endpoint}"
    problem = ""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            problem = f"the scheme {parts.scheme!r} is not http or https"
        elif not parts.hostname or any(c.isspace() for c in url):
            problem = "it names no host"
        elif parts.port == 0:
            problem = "the port is 0"
    except ValueError as exc:
        problem = str(exc)
    if problem:
        raise ConfigurationError(
            f"The endpoint {endpoint!r} cannot be used: {problem}. Give a host name, "
            'http://host:port, https://host:port, or "local".'
        )
    return url.rstrip("/")


def load_dotenv(env_file: str | None = None) -> None:
    """Put the values of a ``.env`` file into the environment, without replacing any there.

    Without *env_file*, or when that is missing, the first ``.env`` from the working directory
    upwards is taken. What it says of logging takes effect. Nothing is raised: a broken file is
    logged.
    """
    path = Path(env_file) if env_file else None
    if path is not None and not path.is_file():
        logger.warning("env_file %s does not exist; searching upwards for .env", path)
        path = None
    try:
        path = path or _find_dotenv(Path.cwd())
        if path is not None:
            import dotenv

            before = [os.environ.get(name) for name in LOG_VARIABLES]
            dotenv.load_dotenv(path, override=False)
            if before != [os.environ.get(name) for name in LOG_VARIABLES]:
                configure_from_environment()
    except (OSError, ValueError) as exc:
        logger.warning("The environment file %s cannot be read: %s", path or ".env", exc)


def _find_dotenv(start: Path) -> Path | None:
    for directory in (start, *start.parents):
        candidate = directory / ".env"
        if candidate.is_file():
            return candidate
    return None
