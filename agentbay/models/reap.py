"""What :meth:`AgentBay.reap` did."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from agentbay.errors import AgentBayError, SessionError
from agentbay.models.results import ApiResponse, Outcome

__all__ = ("ReapResult",)


@define
class ReapResult(ApiResponse, Outcome):
    """The outcome of deleting what dead processes left.

    A failed result still says what was done: its lists are complete as far as the sweep came.

    Attributes:
        success: Whether each session of the owner was looked at, and deleted if it had to be.
        deleted: Ids of the sessions that are gone.
        kept: Ids of those that live on, with the reason in words.
        failed: Ids of those that were not looked at or not deleted, with the error.
    """

    error_class = SessionError

    success: bool = False
    error_message: str = ""
    deleted: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(factory=dict)
    failed: Mapping[str, AgentBayError] = field(factory=dict)

    def unwrap(self) -> tuple[str, ...]:
        """Return the ids of the deleted sessions, or raise the error of a failed result."""
        self.raise_for_error()
        return self.deleted
