"""A certificate authority for one run, so that clients can be tried with HTTPS."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from agentbay.local.failures import LocalRuntimeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("Authority",)

_NAMES = ("127.0.0.1", "localhost", "::1")


class Authority:
    """Makes certificates for the addresses of one runtime.

    Making it writes the certificate that clients have to trust to *ca_file*.

    Raises:
        LocalRuntimeError: The package it takes is not installed.
    """

    def __init__(self, ca_file: Path) -> None:
        try:
            import trustme
        except ImportError as exc:
            raise LocalRuntimeError(
                "TLS needs the package trustme: pip install 'agentbay-sdk[local]'"
            ) from exc
        self._authority: Any = trustme.CA()
        self._authority.cert_pem.write_to_path(str(ca_file))

    def context(self, *names: str) -> ssl.SSLContext:
        """Return the context of a server at *names*; by default at those of the runtime."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._authority.issue_cert(*(names or _NAMES)).configure_cert(context)
        return context
