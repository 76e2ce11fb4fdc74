"""Edits of files: replace pieces of text, whole or not at all."""

from __future__ import annotations

import os

from .failures import CallError, failed
from .files import OPEN_FLAGS, replace_content, require_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .calls import Call, Settings

MAX_EDIT_BYTES = 64 * 1024 * 1024
"""Larger files are refused: content and result are held in memory."""
_VERB = "edit file"


def edit_file(call: Call, settings: Settings) -> dict[str, Any]:
    """Replace the first match of each old text, in order; nothing changes if one is missing.

    Works on bytes, so what is not UTF-8 elsewhere in the file stays as it is.
    """
    shown = call.text("path")
    path = settings.resolve(shown)
    edits = _edits(call, shown)
    try:
        content = _read(path, shown)
        for number, (old, new) in enumerate(edits, 1):
            if old not in content:
                raise _refused(shown, f"Edit {number}: its old text is not in the file")
            content = content.replace(old, new, 1)
        if call.params.get("dry_run") is not True:
            replace_content(path, shown, content, _VERB)
    except OSError as exc:
        raise failed(_VERB, shown, exc) from exc
    call.send_blob("diff", b"\n".join(line for edit in edits for line in _diff(*edit)))
    return {}


def _edits(call: Call, shown: str) -> list[tuple[bytes, bytes]]:
    edits = []
    for number, edit in enumerate(call.params["edits"], 1):
        try:
            old, new = edit["old_text"].encode(), edit["new_text"].encode()
        except UnicodeEncodeError as exc:
            raise _refused(shown, f"Edit {number}: its text is not valid Unicode") from exc
        if not old:
            raise _refused(shown, f"Edit {number}: its old text is empty")
        edits.append((old, new))
    return edits


def _read(path: str, shown: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | OPEN_FLAGS)
    with open(fd, "rb") as file:
        require_regular(fd, _VERB, shown)
        content = file.read(MAX_EDIT_BYTES + 1)
    if len(content) > MAX_EDIT_BYTES:
        raise CallError(
            "too_large", f"Failed to {_VERB}: {shown}, error: more than {MAX_EDIT_BYTES} bytes"
        )
    return content


def _diff(old: bytes, new: bytes) -> list[bytes]:
    """Return what is taken away and what is put in its place, line by line."""
    return [b"-" + line for line in old.splitlines()] + [b"+" + line for line in new.splitlines()]


def _refused(shown: str, reason: str) -> CallError:
    return CallError("invalid_argument", f"Failed to {_VERB}: {shown}, error: {reason}")
