"""Changing a session's state, and waiting until it has changed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from attrs import frozen

from agentbay._async._failures import is_lasting
from agentbay._async._lifetime import poll
from agentbay._wire.actions.sessions import (
    DeleteSessionAsync,
    PauseSessionAsync,
    ResumeSessionAsync,
)
from agentbay._wire.envelope import Code
from agentbay._wire.request import Request
from agentbay.errors import AgentBayError, NotFoundError
from agentbay.models.session import DeleteResult
from agentbay.models.session_state import SessionPauseResult, SessionResumeResult

if TYPE_CHECKING:
    from agentbay._transport.rpc import Rpc
    from agentbay.models.session import SessionStatusResult
    from agentbay.models.session_state import GetSessionResult

ResultT = TypeVar("ResultT", SessionPauseResult, SessionResumeResult)

DELETE_TIMEOUT: Final = 300.0
DELETE_INTERVAL: Final = 1.0


@frozen
class Wording:
    """The messages of one way to change the state; ``.format`` fills them in."""

    refused: str
    unexpected: str
    timed_out: str
    lost: str = "Failed to get session status: {reason}"


@frozen
class Transition(Generic[ResultT]):
    """A change of state.

    Attributes:
        request: The action that starts it.
        via: The state meanwhile.
        target: The state to wait for.
        result: The class of the outcome.
        wording: What is said when it fails.
        id_of_start: Whether a success carries the id of the first request, not of the last.
        on_timeout: What the outcome says of the state when the time is up.
    """

    request: Callable[..., Request[None]]
    via: str
    target: str
    result: type[ResultT]
    wording: Wording
    id_of_start: bool = False
    on_timeout: str | None = None


def _wording(name: str, doing: str) -> Wording:
    return Wording(
        refused=f"Unexpected error {doing} session: {{error}}",
        unexpected=f"Session {name} failed: unexpected state '{{status}}' "
        "after {seconds:.2f} seconds",
        timed_out=f"Session {name} timed out after {{seconds:.2f}} seconds",
    )


def _beta_wording(name: str, target: str) -> Wording:
    return Wording(
        refused=f"Failed to {name} session: {{error}}",
        unexpected=f"{name.capitalize()} failed, session in unexpected state: {{status}}",
        timed_out=f"Timed out after {{timeout}}s waiting for {target} state",
    )


PAUSE = Transition(
    PauseSessionAsync, "PAUSING", "PAUSED", SessionPauseResult, _wording("pause", "pausing")
)
RESUME = Transition(
    ResumeSessionAsync, "RESUMING", "RUNNING", SessionResumeResult, _wording("resume", "resuming")
)
BETA_PAUSE = Transition(
    PauseSessionAsync,
    "PAUSING",
    "PAUSED",
    SessionPauseResult,
    _beta_wording("pause", "PAUSED"),
    id_of_start=True,
    on_timeout="",
)
BETA_RESUME = Transition(
    ResumeSessionAsync,
    "RESUMING",
    "RUNNING",
    SessionResumeResult,
    _beta_wording("resume", "RUNNING"),
    id_of_start=True,
)


async def change_state(
    rpc: Rpc,
    session_id: str,
    transition: Transition[ResultT],
    look_up: Callable[[], Awaitable[GetSessionResult]],
    *,
    timeout: float,
    poll_interval: float,
) -> ResultT:
    """Start *transition* and wait for its end; failures are results."""
    words, result = transition.wording, transition.result
    started = time.monotonic()

    def failed(text: str, cause: AgentBayError | None = None, **fields: Any) -> ResultT:
        return result.failure(text, cause, **fields)

    try:
        start = await rpc.call(transition.request(session_id=session_id))
    except AgentBayError as exc:
        return failed(words.refused.format(error=exc), exc)
    if start.refusal is not None:
        code, message = start.refusal.code, start.refusal.detail
        text = f"[{code}] {message}" if code or message else "Unknown error"
        return failed(text, start.refusal, request_id=start.request_id)

    async def check() -> ResultT | None:
        found = await look_up()
        if not found.success:
            if not is_lasting(found.exception):
                return None
            text = words.lost.format(reason=found.error_message)
            return failed(text, found.exception, request_id=found.request_id)
        if found.data is None or found.data.status == transition.via:
            return None
        status = found.data.status or "UNKNOWN"
        if status == transition.target:
            known = start.request_id if transition.id_of_start else found.request_id
            return result(known, True, status=status)
        text = words.unexpected.format(status=status, seconds=time.monotonic() - started)
        return failed(text, request_id=found.request_id, status=status)

    ended = await poll(check, timeout=timeout, interval=poll_interval)
    if ended is not None:
        return ended
    text = words.timed_out.format(timeout=timeout, seconds=time.monotonic() - started)
    return failed(text, request_id=start.request_id, status=transition.on_timeout)


async def begin_delete(rpc: Rpc, session_id: str) -> tuple[DeleteResult, bool]:
    """Ask for the end of a session; return the outcome so far, and whether that is all.

    A session that is gone already counts as deleted.
    """
    try:
        reply = await rpc.call(DeleteSessionAsync(session_id=session_id))
    except NotFoundError as exc:
        return DeleteResult(exc.request_id, True), True
    except AgentBayError as exc:
        return DeleteResult.failure(f"Failed to delete session {session_id}: {exc}", exc), True
    if reply.refusal is not None:
        code = reply.refusal.code or "Unknown"
        detail = reply.refusal.detail or "Failed to delete session"
        text = f"[{code}] {detail}"
        return DeleteResult.failure(text, reply.refusal, request_id=reply.request_id), True
    return DeleteResult(reply.request_id, True), False


async def wait_deleted(
    begun: DeleteResult, session_id: str, get_status: Callable[[], Awaitable[SessionStatusResult]]
) -> DeleteResult:
    """Wait until a session, whose end was asked for, is gone."""

    async def check() -> DeleteResult | None:
        status = await get_status()
        if status.success:
            gone = status.status == "FINISH"
        else:
            known_gone = status.code == Code.SESSION_NOT_FOUND
            gone = known_gone or "not found" in status.error_message.lower()
        if gone:
            return begun
        if is_lasting(status.exception):
            return DeleteResult.failure(
                f"Failed to delete session {session_id}: {status.error_message}",
                status.exception,
                request_id=begun.request_id,
            )
        return None

    ended = await poll(check, timeout=DELETE_TIMEOUT, interval=DELETE_INTERVAL)
    if ended is not None:
        return ended
    return DeleteResult.failure(
        f"Timeout waiting for session deletion after {DELETE_TIMEOUT}s",
        request_id=begun.request_id,
    )
