"""Failures of a call, and how errors of the operating system become them."""

from __future__ import annotations

import errno
import os

_CODES = {
    errno.ENOENT: "not_found",
    errno.EISDIR: "is_a_directory",
    errno.ENOTDIR: "not_a_directory",
    errno.EEXIST: "already_exists",
    errno.ENOTEMPTY: "not_empty",
    errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied",
    errno.EROFS: "permission_denied",
    errno.EINVAL: "invalid_argument",
    errno.ELOOP: "invalid_argument",
    errno.ENAMETOOLONG: "invalid_argument",
    errno.E2BIG: "invalid_argument",
    errno.EAGAIN: "resource_limit",
    errno.ENOMEM: "resource_limit",
    errno.EMFILE: "resource_limit",
    errno.ENFILE: "resource_limit",
    errno.ENOSPC: "resource_limit",
    errno.EDQUOT: "resource_limit",
    errno.EFBIG: "resource_limit",
    errno.ECONNREFUSED: "refused",
}
_SHOWN_CHARACTERS = 1024


class CallError(Exception):
    """A call that fails with a code and a message for the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def failed(verb: str, path: str, exc: OSError | int) -> CallError:
    """Return the failure to *verb* *path*, in the wording of the service."""
    number = exc if isinstance(exc, int) else exc.errno
    code = _CODES.get(number or 0, "io_error")
    reason = os.strerror(number) if number else str(exc)
    shown = path if len(path) <= _SHOWN_CHARACTERS else path[:_SHOWN_CHARACTERS] + "..."
    return CallError(code, f"Failed to {verb}: {shown}, error: {reason}")
