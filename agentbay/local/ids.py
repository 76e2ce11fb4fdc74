"""Names of the things that the runtime makes."""

from __future__ import annotations

import secrets
import string
import uuid

__all__ = ("new_api_key", "new_id", "new_request_id", "new_token", "new_trace_id")

_ALPHABET = string.ascii_lowercase + string.digits
_LENGTH = 17


def new_id(prefix: str) -> str:
    """Return a fresh id such as ``s-0k3v9x...``, in the form of the service."""
    return f"{prefix}-{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"


def new_request_id() -> str:
    """Return the id of one request."""
    return str(uuid.uuid4()).upper()


def new_trace_id() -> str:
    """Return the id that a failed command is reported under."""
    return uuid.uuid4().hex


def new_token() -> str:
    """Return a session's secret."""
    return secrets.token_urlsafe(32)


def new_api_key() -> str:
    """Return a key in the form of the service's."""
    return f"akm-{uuid.uuid4()}"
