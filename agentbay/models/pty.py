"""Terminals: what a list of them says."""

from __future__ import annotations

from attrs import define

__all__ = ("PtySession",)


@define
class PtySession:
    """One terminal of a session.

    Attributes:
        pty_session_id: Its id.
        cols: 0: the service does not tell.
        rows: 0, likewise.
        status: ``running`` or ``exited``.
        exit_code: The exit status of its program, if a handle of this session has seen it.
    """

    pty_session_id: str
    cols: int
    rows: int
    status: str
    exit_code: int | None = None
