"""Sessions: create, look up, list, delete."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from agentbay._wire.actions.links import DesktopInfo, GetMcpResource, ResourceData
from agentbay._wire.actions.sessions import (
    CreatedSession,
    CreateMcpSession,
    DeleteSessionAsync,
    GetSession,
    GetSessionDetail,
    ListSession,
    ReleaseMcpSession,
    SessionData,
    SessionDetail,
    SessionListing,
)
from agentbay._wire.envelope import Code, Reply, service_error
from agentbay.local.contexts.attached import refuse_double
from agentbay.local.handlers.contexts import bindings_of
from agentbay.local.handlers.links import channel_url
from agentbay.local.handlers.registry import Call, handles
from agentbay.local.images import resolve_image
from agentbay.local.session import Lifetime, NewSession
from agentbay.local.sessions import session_not_found
from agentbay.local.states import ENDED, EndReason, State
from agentbay.local.store import SessionFilter
from agentbay.models.session import SessionStatus

if TYPE_CHECKING:
    from agentbay.local.session import Session
    from agentbay.local.store import SessionRecord

_MINUTE = 60.0
_MAX_PAGE = 1000
_TOKEN_PREFIX = "before:"  # noqa: S105 - a page token, nothing secret


@handles(CreateMcpSession)
async def create_session(call: Call, request: CreateMcpSession) -> Reply[CreatedSession]:
    """Start a session. If the caller is gone before it hears of it, the session is ended."""
    sessions = call.services.sessions
    bindings = await bindings_of(call, request.persistence_data_list or [])
    refuse_double(bindings)
    new = NewSession(
        image=resolve_image(request.image_id),
        labels=request.labels or {},
        lifetime=_lifetime(request),
        disk_bytes=call.disk_bytes,
    )
    session = await sessions.create(new)
    call.undo.append(partial(sessions.begin_end, session, EndReason.UNDELIVERED))
    await session.contexts.bind(bindings)
    return Reply(
        data=CreatedSession(
            session_id=session.id,
            success=True,
            app_instance_id=session.app_instance_id,
            resource_id=session.resource_id,
            token=session.token,
            link_url=_link_url(call, session),
            ws_url=channel_url(call, session),
            tool_list=session.image.profile.tools(),
        )
    )


def _link_url(call: Call, session: Session) -> str:
    return f"{call.services.endpoint}/link/{session.id}"


def _lifetime(request: CreateMcpSession) -> Lifetime:
    """Return the limits that were asked for; the runtime adds none of its own."""
    for name, value in (("Timeout", request.timeout), ("MaxRuntime", request.max_runtime)):
        if value is not None and value <= 0:
            _refuse_parameter(name, "must be positive")
    if request.manual_release:
        return Lifetime()
    idle = None if request.timeout is None else float(request.timeout)
    if request.max_runtime is None:
        return Lifetime(idle_seconds=idle)
    # Together with MaxRuntime, Timeout is in minutes, too.
    return Lifetime(
        idle_seconds=None if idle is None else idle * _MINUTE,
        max_seconds=request.max_runtime * _MINUTE,
    )


@handles(GetSession)
async def get_session(call: Call, request: GetSession) -> Reply[SessionData]:
    """Describe a session that has not ended."""
    session = call.services.sessions.get(request.session_id)
    return Reply(
        data=SessionData(
            session_id=session.id,
            success=True,
            status=session.state.value,
            app_instance_id=session.app_instance_id,
            resource_id=session.resource_id,
            token=session.token,
            link_url=_link_url(call, session),
            ws_url=channel_url(call, session),
            tool_list=session.image.profile.tools(),
            contexts=tuple(
                {"id": binding.context.id, "name": binding.context.name}
                for binding in session.contexts.bindings
            ),
        )
    )


@handles(GetSessionDetail)
async def get_session_detail(call: Call, request: GetSessionDetail) -> Reply[SessionDetail]:
    """Tell a session's state, for a while also after its end."""
    record = await call.services.store.get(request.session_id)
    if record is None:
        raise session_not_found()
    return Reply(data=_detail(record))


def _detail(record: SessionRecord) -> SessionDetail:
    return SessionDetail(
        status=record.state.value,
        app_instance_id=record.app_instance_id,
        end_reason=record.end_reason,
        image_id=record.image_id,
        is_deleted=int(record.state is ENDED),
    )


@handles(ListSession)
async def list_sessions(call: Call, request: ListSession) -> Reply[tuple[SessionListing, ...]]:
    """List the live sessions, newest first; those that ended only as status DELETED."""
    if request.max_results < 1:
        _refuse_parameter("MaxResults", "must be at least 1")
    size = min(request.max_results, _MAX_PAGE)
    page = await call.services.store.page(_filter(request), _position(request.next_token), size)
    listing = tuple(
        SessionListing(
            session_id=record.session_id,
            session_status=_listed_status(record.state),
            app_instance_id=record.app_instance_id,
            image_id=record.image_id,
        )
        for record in page.records
    )
    return Reply(
        data=listing,
        next_token="" if page.next_before is None else _page_token(page.next_before),
        max_results=size,
        total_count=page.total,
    )


def _listed_status(state: State) -> str:
    return SessionStatus.DELETED.value if state is ENDED else state.value


def _filter(request: ListSession) -> SessionFilter:
    if not request.status:
        return SessionFilter(labels=request.labels, image_id=request.image_id)
    if request.status not in SessionStatus.__members__:
        _refuse_parameter("Status", f"must be one of {', '.join(SessionStatus.__members__)}")
    ended = request.status == SessionStatus.DELETED.value
    return SessionFilter(
        labels=request.labels,
        image_id=request.image_id,
        state=ENDED if ended else State(request.status),
        ended=ended,
    )


def _page_token(before: int) -> str:
    return base64.urlsafe_b64encode(f"{_TOKEN_PREFIX}{before}".encode()).decode("ascii")


def _position(token: str | None) -> int | None:
    if not token:
        return None
    try:
        text = base64.urlsafe_b64decode(token).decode("ascii")
        return int(text.removeprefix(_TOKEN_PREFIX))
    except ValueError:
        _refuse_parameter("NextToken", "is not a token of this runtime")


@handles(DeleteSessionAsync)
async def delete_session(call: Call, request: DeleteSessionAsync) -> Reply[None]:
    """Begin to end a session; it is DELETING when the reply leaves."""
    sessions = call.services.sessions
    sessions.begin_end(sessions.get(request.session_id), EndReason.DELETED)
    return Reply()


@handles(ReleaseMcpSession)
async def release_session(call: Call, request: ReleaseMcpSession) -> Reply[None]:
    """End a session; it is gone when the reply leaves."""
    sessions = call.services.sessions
    session = sessions.get(request.session_id)
    sessions.begin_end(session, EndReason.DELETED)
    await session.ended.wait()
    return Reply()


@handles(GetMcpResource)
async def get_resource(call: Call, request: GetMcpResource) -> Reply[ResourceData]:
    """Tell how a session can be viewed: it has no desktop, so there is little to tell."""
    session = call.services.sessions.get(request.session_id)
    return Reply(
        data=ResourceData(
            session_id=session.id, desktop_info=DesktopInfo(resource_id=session.resource_id)
        )
    )


def _refuse_parameter(name: str, problem: str) -> NoReturn:
    raise service_error(Code.INVALID_PARAMETER, f"{name} {problem}", http_status=400)
