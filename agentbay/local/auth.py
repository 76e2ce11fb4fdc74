"""Who may talk to the runtime: programs of this machine that have a key or a token.

The runtime listens on loopback only, but any web page can make a browser on this machine send
requests there. The checks of ``Host`` (a page whose name was pointed at 127.0.0.1) and
``Origin`` (a page of somewhere else) keep those out, whatever they know.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from agentbay._wire.envelope import Code, service_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agentbay.errors import ServiceError

__all__ = ("check_api_key", "check_origin", "check_token", "is_loopback", "is_token")

_SCHEME = "Bearer "


def is_loopback(host: str) -> bool:
    """Return whether *host* names this machine's own loopback and nothing else."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_api_key(parameters: Mapping[str, str], api_key: str) -> None:
    """Compare the key of a request, in constant time.

    Raises:
        ServiceError: There is none, or it is another one.
    """
    given = parameters.get("Authorization", "")
    key = given[len(_SCHEME) :] if given.lower().startswith(_SCHEME.lower()) else given
    if not _equal(key.strip(), api_key):
        problem = "The API key is wrong" if key.strip() else "There is no API key in the request"
        raise service_error(
            Code.INVALID_KEY,
            f"{problem}. The key of a local runtime is in the line that 'agentbay serve' prints "
            "when it is ready; --api-key or AGENTBAY_API_KEY sets it.",
            http_status=401,
        )


def check_token(given: Sequence[object], token: str) -> None:
    """Compare a session's token with those of a request: header, body, or both.

    Raises:
        ServiceError: There is none, or one of them is another one.
    """
    present = [value for value in given if value is not None]
    if not present or not all(is_token(value, token) for value in present):
        problem = "is wrong" if present else "is missing"
        raise service_error(
            Code.INVALID_TOKEN,
            f"The session's token {problem}. CreateMcpSession and GetSession return it.",
            http_status=401,
        )


def is_token(given: object, token: str) -> bool:
    """Return whether *given* is *token*, in constant time."""
    return isinstance(given, str) and _equal(given, token)


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def check_origin(hosts: Sequence[str], origins: Sequence[str]) -> None:
    """Refuse what a browser sends for a page that is not the runtime's own.

    Args:
        hosts: The values of ``Host``; some clients put the whole endpoint there.
        origins: The values of ``Origin``, which only browsers send.

    Raises:
        ServiceError: One of them is not allowed.
    """
    addresses = {_authority(host) for host in hosts}
    if len(addresses) != 1 or None in addresses:
        raise _refused(f"Host {', '.join(hosts) or '(none)'}")
    if any(_authority(origin) not in addresses for origin in origins):
        raise _refused(f"Origin {', '.join(origins)}")


def _refused(what: str) -> ServiceError:
    return service_error(
        Code.HOST_REFUSED,
        f"{what[:200]} is not allowed. The local runtime answers programs of this machine, at "
        "127.0.0.1, localhost or [::1], and no web pages.",
        http_status=403,
    )


def _authority(value: str) -> tuple[str, int | None] | None:
    """Return the host and port in *value*; ``None`` when that is not the loopback."""
    parts = _split(value if "://" in value else f"http://{value}")
    if parts is None or parts.path not in ("", "/") or parts.query or parts.username is not None:
        return None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not is_loopback(host):
        return None
    return host, parts.port


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises when it is no port
    except ValueError:
        return None
    return parts
