"""A certificate authority for one run, so that clients can be tried with HTTPS."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from agentbay.local.failures import LocalRuntimeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("make_tls_context",)

_NAMES = ("127.0.0.1", "localhost", "::1")


def make_tls_context(ca_file: Path) -> ssl.SSLContext:
    """Return a server's context and write the certificate to trust to *ca_file*.

    Raises:
        LocalRuntimeError: The package it takes is not installed.
    """
    try:
        import trustme
    except ImportError as exc:
        raise LocalRuntimeError(
            "TLS needs the package trustme: pip install 'agentbay-sdk[local]'"
        ) from exc
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(*_NAMES).configure_cert(context)
    return context
