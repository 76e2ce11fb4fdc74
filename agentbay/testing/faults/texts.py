"""Answers that nobody asked for, as the bytes that travel."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING

from agentbay._wire.envelope import Code, service_error, write_error
from agentbay.local.ids import new_request_id

if TYPE_CHECKING:
    import random

    from agentbay.errors import ServiceError
    from agentbay.testing.faults.kinds import Throttled
    from agentbay.testing.faults.requests import RouteName

__all__ = ("expired", "noise", "page", "server_error", "storage_full", "throttled")

_HOST_ID = "agentbay.testing"
_NOISE_BYTES = 512
# Never the beginning of an HTTP answer.
_NOT_HTTP = b"\x16\x03\x01"
_FAULTS = {
    500: (Code.INTERNAL, "The service failed"),
    501: (Code.INTERNAL, "The service does not do that"),
    502: ("BadGateway", "The service gave no answer"),
    503: (Code.UNAVAILABLE, "The service is not available for the moment"),
    504: ("GatewayTimeout", "The service gave no answer in time"),
}


def page(status: int, content: random.Random) -> bytes:
    """Return an answer in HTTP that is no JSON."""
    text = f"<html><body><h1>Welcome</h1><!-- {content.getrandbits(64):x} --></body></html>"
    return _http(status, text.encode(), "text/html")


def noise(content: random.Random) -> bytes:
    """Return bytes that are no HTTP."""
    return _NOT_HTTP + content.randbytes(_NOISE_BYTES)


def throttled(fault: Throttled) -> bytes:
    """Return the answer to one request too many."""
    headers: dict[str, str] = {}
    if fault.retry_after is not None:
        in_ms = fault.header == "x-acs-retry-after"
        headers[fault.header] = str(math.ceil(fault.retry_after * (1000 if in_ms else 1)))
    error = service_error(Code.THROTTLED, "Too many requests", http_status=429)
    return _error(error, 200 if fault.inside else 429, headers)


def server_error(status: int) -> bytes:
    """Return the answer of a service that fails."""
    code, message = _FAULTS[status]
    return _error(service_error(code, message, http_status=status), status)


def expired(route: RouteName) -> bytes:
    """Return what the service says to a key, token or signature that has expired."""
    if route == "signed":
        message, status = "The URL has expired; ask for a new one", 403
        return _error(service_error(Code.SIGNATURE_EXPIRED, message, http_status=status), status)
    if route == "api":
        error = service_error(Code.INVALID_KEY, "The API key has expired", http_status=401)
    else:
        error = service_error(Code.INVALID_TOKEN, "The token has expired", http_status=401)
    return _error(error, 401)


def storage_full() -> bytes:
    """Return what the service says when there is no room for a file."""
    message = "There is no room left for the file"
    return _error(service_error(Code.STORAGE_FULL, message, http_status=507), 507)


def _error(error: ServiceError, status: int, headers: dict[str, str] | None = None) -> bytes:
    body = json.dumps(write_error(error, new_request_id(), _HOST_ID)).encode()
    return _http(status, body, "application/json;charset=utf-8", headers)


def _http(
    status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None
) -> bytes:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
