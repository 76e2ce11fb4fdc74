"""Taking secrets out of what is logged."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ("SENSITIVE_NAMES", "mask_sensitive_data", "mask_sensitive_text")

SENSITIVE_NAMES = (
    "api_key",
    "apikey",
    "api-key",
    "password",
    "passwd",
    "pwd",
    "token",
    "access_token",
    "auth_token",
    "secret",
    "private_key",
    "authorization",
    "ticket",
    "authcode",
    "auth_code",
    "signature",
    "cookie",
)

MASK = "****"
SHORT_SECRET = 12
"""Of a secret shorter than this nothing is shown."""

_NAMES = "|".join(re.escape(name) for name in SENSITIVE_NAMES)
# "name": "value" in JSON and in repr, name=value in URLs and forms.
_PAIR = re.compile(
    rf"""((["'])[^"']*(?:{_NAMES})[^"']*\2\s*:\s*)(["'])(.*?)(?<!\\)\3""", re.IGNORECASE
)
_PARAMETER = re.compile(rf"""([\w.-]*(?:{_NAMES})[\w.-]*=)([^\s&"',;)]+)""", re.IGNORECASE)
_BEARER = re.compile(r"(\bBearer\s+)([^\s\"',;)]+)", re.IGNORECASE)


def mask_sensitive_data(data: Any, names: Sequence[str] = SENSITIVE_NAMES) -> Any:
    """Return a copy of *data* in which values with a sensitive name are masked.

    Args:
        data: Anything that JSON can say.
        names: Parts of names that mark a value as sensitive, in any case.
    """
    if isinstance(data, Mapping):
        return {
            key: _masked(value)
            if any(name.lower() in str(key).lower() for name in names)
            else mask_sensitive_data(value, names)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [mask_sensitive_data(item, names) for item in data]
    return data


def mask_sensitive_text(text: str) -> str:
    """Return *text* with sensitive values masked, in JSON, in URLs and after ``Bearer``."""
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if isinstance(data, dict | list):
        return json.dumps(mask_sensitive_data(data), ensure_ascii=False)
    text = _PAIR.sub(lambda pair: f"{pair[1]}{pair[3]}{_masked(pair[4])}{pair[3]}", text)
    text = _PARAMETER.sub(lambda pair: f"{pair[1]}{_masked(pair[2])}", text)
    return _BEARER.sub(lambda pair: f"{pair[1]}{_masked(pair[2])}", text)


def _masked(value: Any) -> str:
    if isinstance(value, str) and len(value) >= SHORT_SECRET:
        return f"{value[:2]}{MASK}{value[-2:]}"
    return MASK
