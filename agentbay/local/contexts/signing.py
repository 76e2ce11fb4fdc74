"""Signed URLs: whoever has one may do one thing with one object for one hour."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlencode

from attrs import field, frozen

from agentbay._wire.envelope import Code, service_error

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("ROUTE", "VALID_SECONDS", "Signer")

VALID_SECONDS = 3600
ROUTE = "/contexts/"

_METHODS = ("GET", "PUT")


@frozen
class Signer:
    """Makes signed paths, and checks them."""

    key: bytes = field(repr=False)
    clock: Callable[[], float] = time.time

    def sign(self, method: str, context_id: str, key: bytes) -> str:
        """Return the path and query of a URL that allows *method* (``GET`` or ``PUT``)."""
        expires = int(self.clock()) + VALID_SECONDS
        signature = self._signature(method, context_id, key, expires)
        query = urlencode({"Expires": expires, "Signature": signature})
        return f"{ROUTE}{quote(context_id)}{quote(key)}?{query}"

    def check(self, method: str, raw_path: str, query: Mapping[str, str]) -> tuple[str, bytes]:
        """Return the context and the key that a URL is for.

        Raises:
            ServiceError: It was not signed here, not for *method*, or too long ago.
        """
        path = unquote_to_bytes(raw_path.removeprefix(ROUTE))
        name, slash, rest = path.partition(b"/")
        context_id, key = name.decode(errors="replace"), slash + rest
        given = query.get("Signature", "")
        expires = query.get("Expires", "")
        if not (expires.isascii() and expires.isdecimal() and len(expires) < 20):
            expires = "0"
        allowed = [
            allowed
            for allowed in _METHODS
            if hmac.compare_digest(
                self._signature(allowed, context_id, key, int(expires)).encode(),
                given.encode(errors="surrogatepass"),
            )
        ]
        if not allowed:
            raise service_error(
                Code.INVALID_SIGNATURE, "The URL was not signed by this runtime", http_status=403
            )
        if int(expires) < self.clock():
            raise service_error(
                Code.SIGNATURE_EXPIRED, "The URL has expired; ask for a new one", http_status=403
            )
        if ("GET" if method == "HEAD" else method) not in allowed:
            raise service_error(
                Code.METHOD_NOT_ALLOWED,
                f"The URL was signed for {allowed[0]}, not for {method[:20]}",
                http_status=405,
            )
        return context_id, key

    def _signature(self, method: str, context_id: str, key: bytes, expires: int) -> str:
        message = b"\n".join((method.encode(), context_id.encode(), b"%d" % expires, key))
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()
