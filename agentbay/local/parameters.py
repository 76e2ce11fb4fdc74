"""Read the parameters of an action from a query string and a form, strictly."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from agentbay._wire.envelope import Code, service_error

if TYPE_CHECKING:
    from agentbay.errors import ServiceError

__all__ = ("merged_parameters",)

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MAX_FIELDS = 10_000


def merged_parameters(query: str, body: bytes) -> dict[str, str]:
    """Return the parameters of both; the form's win.

    Clients disagree about which parameters travel where, so each may stand in either place.

    Raises:
        ServiceError: One of the two is not percent-encoded UTF-8.
    """
    return {**_parse(query.encode(errors="surrogateescape"), "query"), **_parse(body, "body")}


def _parse(form: bytes, place: str) -> dict[str, str]:
    try:
        form.decode()
    except UnicodeDecodeError as exc:
        raise _invalid(place, f"not UTF-8 at byte {exc.start}") from exc
    if (found := _BAD_ESCAPE.search(form)) is not None:
        raise _invalid(place, f"a bad percent-encoding at byte {found.start()}")
    if form.count(b"&") >= _MAX_FIELDS:
        raise _invalid(place, f"more than {_MAX_FIELDS} fields")
    pairs = (field.partition(b"=") for field in form.split(b"&") if field)
    try:
        return {_decoded(name): _decoded(value) for name, _, value in pairs}
    except UnicodeDecodeError as exc:
        raise _invalid(place, "percent-encoded bytes that are not UTF-8") from exc


def _decoded(data: bytes) -> str:
    """Undo the percent-encoding.

    In the guise of quoted-printable, which the standard library decodes fast. Its functions for
    URLs would hold up the event loop, and so all sessions, for a second per large file.
    """
    quoted = data.replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"=")
    return binascii.a2b_qp(quoted).decode()


def _invalid(place: str, problem: str) -> ServiceError:
    return service_error(
        Code.INVALID_BODY,
        f"The {place} cannot be read: {problem}. It must be a form "
        "(application/x-www-form-urlencoded) in UTF-8.",
        http_status=400,
    )
