"""Calls to the worker, with its failures put in the words of the service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from agentbay.local.sandbox.base import SandboxDiedError, SandboxError, WorkerError
from agentbay.local.tools.registry import ToolFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay.local.sandbox.base import WorkerReply
    from agentbay.local.tools.registry import Workplace

__all__ = ("BAD_ARGUMENT", "STOPPED", "call_worker")

logger = logging.getLogger(__name__)

BAD_ARGUMENT = -32602
"""What was asked cannot be done: a wrong argument, a missing path."""
STOPPED = -1
"""The work was begun and did not come to its end."""

_INTERRUPTED = frozenset({"timeout", "resource_limit", "internal"})
DEFAULT_SECONDS = 300.0


async def call_worker(
    place: Workplace,
    method: str,
    params: Mapping[str, Any],
    *,
    payload: bytes = b"",
    timeout: float = DEFAULT_SECONDS,
) -> WorkerReply:
    """Run one method of the worker.

    Raises:
        ToolFailedError: It failed, or the sandbox ended meanwhile.
    """
    try:
        return await place.sandbox.call(method, params, payload=payload, timeout=timeout)
    except WorkerError as exc:
        code = STOPPED if exc.code in _INTERRUPTED else BAD_ARGUMENT
        raise ToolFailedError.of_code(code, str(exc)) from exc
    except SandboxDiedError as exc:
        raise ToolFailedError.of_code(
            STOPPED, "The session ended before the tool had finished"
        ) from exc
    except SandboxError as exc:
        logger.exception("Sandbox %s failed a call of %s", place.sandbox.spec.id, method)
        raise ToolFailedError.of_code(STOPPED, str(exc)) from exc
