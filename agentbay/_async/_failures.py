"""The words for failures, as documented, and which failures no waiting will mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentbay.errors import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ServiceError,
)

if TYPE_CHECKING:
    from agentbay.errors import AgentBayError

__all__ = ("find_problem", "is_lasting", "refusal_text")

LASTING = (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
)


def is_lasting(error: BaseException | None) -> bool:
    """Return whether asking again cannot bring another answer."""
    return isinstance(error, LASTING)


def refusal_text(refusal: ServiceError) -> str:
    """Return the documented text of a refusal that came with HTTP 200."""
    message = refusal.detail or "Unknown error"
    return f"[{refusal.code}] {message}" if refusal.code else message


def find_problem(session_id: str, error: AgentBayError, doing: str) -> str:
    """Return the documented text for a look-up that failed with *error*."""
    if isinstance(error, NotFoundError):
        return f"Session {session_id} not found"
    if isinstance(error, ProtocolError):
        return f"Failed to parse response: {error}"
    return f"Failed to {doing} {session_id}: {error}"
