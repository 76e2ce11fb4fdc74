"""Keys of objects: absolute paths, as bytes, because names of files need not be text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentbay._wire.envelope import Code, service_error
from agentbay.local.worker.records import RecordError, check_name

if TYPE_CHECKING:
    from agentbay.errors import ServiceError

__all__ = (
    "MAX_KEY_BYTES",
    "ROOT",
    "end_of",
    "is_within",
    "join",
    "parents",
    "parse_folder",
    "parse_key",
    "relative",
    "shown",
)

ROOT = b"/"
MAX_KEY_BYTES = 1024
"""Of a key that a client names; those of files in a tree may be as long as paths."""

_WINDOWS = re.compile(r"[A-Za-z]:(?=[\\/]|$)")


def parse_key(text: str, what: str) -> bytes:
    """Return the key that *text* means: a path of Linux, or one of Windows with a drive.

    Raises:
        ServiceError: It is empty, leads upwards, or is too long.
    """
    key = parse_folder(text, what)
    if key == ROOT:
        raise _invalid(what, "must name a file or directory")
    return key


def parse_folder(text: str, what: str) -> bytes:
    """Return the key of a folder; the empty text is the root."""
    if _WINDOWS.match(text):
        text = text.replace("\\", "/")
    name = _encoded(text, what)
    name = re.sub(rb"/+", b"/", name).strip(b"/")
    if len(name) >= MAX_KEY_BYTES:
        raise _invalid(what, f"is longer than {MAX_KEY_BYTES} bytes")
    try:
        check_name(name)
    except RecordError as exc:
        raise _invalid(what, f"cannot be {text[:100]!r}: it must be a plain absolute path") from exc
    return ROOT + name


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError as exc:
        raise _invalid(what, "is not valid Unicode") from exc


def _invalid(what: str, problem: str) -> ServiceError:
    return service_error(Code.INVALID_PARAMETER, f"{what} {problem}", http_status=400)


def shown(key: bytes) -> str:
    """Return a key as text; bytes that are not UTF-8 become lone surrogates."""
    return key.decode(errors="surrogateescape")


def join(prefix: bytes, name: bytes) -> bytes:
    """Return the key of *name* below *prefix*."""
    return prefix.rstrip(b"/") + b"/" + name if name else prefix


def is_within(key: bytes, prefix: bytes) -> bool:
    """Return whether *key* is *prefix* or below it."""
    return key == prefix or key.startswith(prefix.rstrip(b"/") + b"/")


def relative(key: bytes, prefix: bytes) -> bytes:
    """Return what `join` was given; *key* is within *prefix*."""
    return key[len(prefix.rstrip(b"/")) + 1 :]


def parents(key: bytes) -> list[bytes]:
    """Return the keys of the folders around *key*, without the root."""
    parts = key.split(b"/")
    return [b"/".join(parts[:count]) for count in range(2, len(parts))]


def end_of(prefix: bytes) -> bytes:
    """Return the first key after all those below *prefix*."""
    return prefix.rstrip(b"/") + b"0"  # the character after the slash
