"""Read the parameters of an action from a query string and a form, strictly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from agentbay._wire.envelope import Code, service_error

if TYPE_CHECKING:
    from agentbay.errors import ServiceError

__all__ = ("merged_parameters",)

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_FIELDS = 10_000


def merged_parameters(query: str, body: bytes) -> dict[str, str]:
    """Return the parameters of both; the form's win.

    Clients disagree about which parameters travel where, so each may stand in either place.

    Raises:
        ServiceError: One of the two is not percent-encoded UTF-8.
    """
    return {**_parse(query, "query"), **_parse(_text(body), "body")}


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as exc:
        raise _invalid("body", f"not UTF-8 at byte {exc.start}") from exc


def _parse(text: str, place: str) -> dict[str, str]:
    if (found := _BAD_ESCAPE.search(text)) is not None:
        raise _invalid(place, f"a bad percent-encoding at character {found.start()}")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except UnicodeDecodeError as exc:
        raise _invalid(place, "percent-encoded bytes that are not UTF-8") from exc
    except ValueError as exc:
        raise _invalid(place, f"more than {_MAX_FIELDS} fields") from exc
    return dict(pairs)


def _invalid(place: str, problem: str) -> ServiceError:
    return service_error(
        Code.INVALID_BODY,
        f"The {place} cannot be read: {problem}. It must be a form "
        "(application/x-www-form-urlencoded) in UTF-8.",
        http_status=400,
    )
