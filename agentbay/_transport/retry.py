"""Sending a request again: after which failures, after what pauses, and until when."""

from __future__ import annotations

import email.utils
import logging
import random
import socket
import time
from typing import TYPE_CHECKING, TypeVar

import aiohttp
import anyio

from agentbay._wire.envelope import Code
from agentbay.errors import (
    AgentBayError,
    RateLimitError,
    ServiceError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentbay._transport.deadline import Deadline
    from agentbay._transport.http import HttpResponse
    from agentbay.config import RetryPolicy

__all__ = ("repeated", "retry_after")

logger = logging.getLogger("agentbay.api")

T = TypeVar("T")

# What a gateway answers when the service behind it is restarting, or busy.
PASSING_STATUSES = frozenset({502, 503, 504})

FIRST_FAILURE_STATUS = 500

SHARE_OF_ONE_ATTEMPT = 1 / 3
"""How much of the time that is left an attempt may take while there are others to come.

A connection whose other end is gone without a word would otherwise use up the whole deadline.
The last attempt has all that is left, so a service that is merely slow is still waited for.
"""


def _no_problem(_: object) -> None:
    return None


async def repeated(
    attempt: Callable[[int, Deadline], Awaitable[T]],
    policy: RetryPolicy,
    deadline: Deadline,
    *,
    what: str,
    idempotent: bool,
    problem_of: Callable[[T], AgentBayError | None] = _no_problem,
) -> T:
    """Return what *attempt* brings, after as many attempts as *policy* and *deadline* allow.

    Args:
        attempt: Makes the attempt of that number, counted from 1, which must end by that deadline.
        policy: How many attempts, after what pauses.
        deadline: When all of them must have ended.
        what: What is attempted, for the log.
        idempotent: Whether doing it twice is the same as doing it once. If not, it is repeated
            only when it certainly was not done.
        problem_of: Returns the failure that an outcome tells of, if it does.

    Raises:
        AgentBayError: the last attempt failed.
    """
    number = 1
    while True:
        share = deadline
        if idempotent and number < policy.max_attempts:
            share = deadline.share(SHARE_OF_ONE_ATTEMPT)
        problem: AgentBayError | None
        try:
            outcome = await attempt(number, share)
        except AgentBayError as exc:
            problem = exc
            pause = _pause_after(exc, number, policy, deadline, idempotent=idempotent)
            if pause is None:
                raise
        else:
            problem = problem_of(outcome)
            pause = _pause_after(problem, number, policy, deadline, idempotent=idempotent)
            if pause is None:
                return outcome
        logger.info("%s: attempt %d failed, again in %.2f s: %s", what, number, pause, problem)
        await anyio.sleep(pause)
        number += 1


def _pause_after(
    problem: AgentBayError | None,
    number: int,
    policy: RetryPolicy,
    deadline: Deadline,
    *,
    idempotent: bool,
) -> float | None:
    """Return the seconds before the next attempt; ``None`` if there must be none."""
    if problem is None or number >= policy.max_attempts:
        return None
    if not _may_pass(problem, idempotent=idempotent):
        return None
    # Full jitter: whoever failed at the same time comes back at different ones.
    longest = min(policy.max_delay, policy.base_delay * 2.0 ** (number - 1))
    pause = random.uniform(0, longest)  # noqa: S311 - no secret
    asked = problem.retry_after if isinstance(problem, ServiceError) else None
    if asked is not None:
        pause = asked + min(pause, asked)
    return pause if pause < deadline.remaining() else None


def _may_pass(problem: AgentBayError, *, idempotent: bool) -> bool:
    """Return whether another attempt may do better, and does nothing twice."""
    if _is_throttled(problem):
        return True  # refused before anything was done
    if isinstance(problem, TransportError):
        return (idempotent or problem.retryable) and not _is_hopeless(problem)
    if not idempotent or not isinstance(problem, ServiceError):
        return False
    return problem.http_status in PASSING_STATUSES or Code.UNAVAILABLE in problem.code


def _is_throttled(problem: AgentBayError) -> bool:
    if isinstance(problem, RateLimitError):
        return True
    # A time to wait makes any refusal one of being too busy; of a failure it says less.
    if not isinstance(problem, ServiceError) or problem.retry_after is None:
        return False
    return problem.http_status is not None and problem.http_status < FIRST_FAILURE_STATUS


def _is_hopeless(problem: TransportError) -> bool:
    """Return whether it is the address or a certificate that is wrong."""
    cause = problem.__cause__
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return cause.os_error.errno == socket.EAI_NONAME
    return isinstance(cause, aiohttp.ClientConnectorCertificateError)


def retry_after(response: HttpResponse) -> float | None:
    """Return the seconds that the caller is asked to wait, if the answer says so.

    ``x-acs-retry-after`` counts milliseconds; ``Retry-After`` seconds, or it is a date.
    """
    milliseconds = _number(response.headers.get("x-acs-retry-after", ""))
    if milliseconds:
        return milliseconds / 1000
    text = response.headers.get("Retry-After", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds or None
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(date.timestamp() - time.time(), 0.0) or None


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() else None
