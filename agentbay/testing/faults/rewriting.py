"""Addresses in answers: those of the service become those of the proxy in front of it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

__all__ = ("Rewriter",)

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PLAIN = {"http": "http", "https": "http", "ws": "ws", "wss": "ws"}


@frozen
class Rewriter:
    """Sends clients to the proxy where they would go to the service directly.

    Attributes:
        upstream: The service's URL.
        own: The host and port of the proxy, which speaks plain HTTP.
    """

    upstream: str
    own: str

    def rewritten(self, body: bytes) -> bytes:
        """Return the reply to an action with every URL in its ``Data`` rewritten."""
        try:
            reply = json.loads(body)
        except ValueError:
            return body
        if not isinstance(reply, dict) or not isinstance(reply.get("Data"), dict | list):
            return body
        data = self._value(reply["Data"])
        if data == reply["Data"]:
            return body
        return json.dumps({**reply, "Data": data}).encode()

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: self._url(item)
                if isinstance(item, str) and name.endswith(("Url", "url"))
                else self._value(item)
                for name, item in value.items()
            }
        return [self._value(item) for item in value] if isinstance(value, list) else value

    def _url(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            if parts.scheme not in _PLAIN or _place(parts) != _place(urlsplit(self.upstream)):
                return url
        except ValueError:
            return url
        # Not built anew from its parts: a signed URL must stay as it was signed.
        rest = url.partition(parts.netloc)[2]
        return f"{_PLAIN[parts.scheme]}://{self.own}{rest}"


def _place(parts: SplitResult) -> tuple[str | None, int]:
    return parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
