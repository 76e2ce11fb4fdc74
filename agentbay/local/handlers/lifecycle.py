"""What happens to a session between its creation and its end: pause, resume, idle time."""

from __future__ import annotations

from agentbay._wire.actions.sessions import (
    PauseSessionAsync,
    RefreshSessionIdleTime,
    ResumeSessionAsync,
)
from agentbay._wire.envelope import Reply
from agentbay.local.handlers.registry import Call, handles
from agentbay.local.states import State


@handles(PauseSessionAsync)
async def pause_session(call: Call, request: PauseSessionAsync) -> Reply[None]:
    """Begin to freeze a session; it is PAUSING when the reply leaves."""
    sessions = call.services.sessions
    sessions.begin_pause(sessions.get(request.session_id))
    return Reply()


@handles(ResumeSessionAsync)
async def resume_session(call: Call, request: ResumeSessionAsync) -> Reply[None]:
    """Begin to wake a session; it is RESUMING when the reply leaves."""
    sessions = call.services.sessions
    sessions.begin_resume(sessions.get(request.session_id))
    return Reply()


@handles(RefreshSessionIdleTime)
async def refresh_idle_time(call: Call, request: RefreshSessionIdleTime) -> Reply[None]:
    """Restart the idle clock; that of a paused session starts anew when it is resumed."""
    session = call.services.sessions.get(request.session_id)
    if session.state is State.DELETING:
        raise session.wrong_state("it cannot be kept alive")
    session.touch()
    return Reply()
