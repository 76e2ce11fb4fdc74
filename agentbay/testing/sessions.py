"""The sessions of a test server: kept in memory, with nothing running in them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from attrs import define, field

from agentbay._wire.actions.sessions import CreateMcpSession, ListSession, SessionListing
from agentbay._wire.envelope import SESSION_NOT_FOUND, Code, Reply, service_error
from agentbay.models.session import SessionStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("QUOTA_EXCEEDED", "ServedSession", "SessionTable")

QUOTA_EXCEEDED = "QuotaExceeded"
_MAX_PAGE = 1000


@define(eq=False, kw_only=True)
class ServedSession:
    """A session that lives at a test server.

    Attributes:
        number: The how-manieth it was to be created, from 1.
        calls: How many calls of tools have reached it; those that come through a VPC do not
            say whom they are for.
    """

    id: str
    number: int
    image_id: str = ""
    labels: Mapping[str, str] = field(factory=dict)
    state: SessionStatus = SessionStatus.RUNNING
    calls: int = 0


class SessionTable:
    """The live sessions, and how many there have been.

    Attributes:
        live: The sessions by id, oldest first.
        created: How many were created so far.
        most: The largest number that lived at the same time.
    """

    def __init__(self, max_sessions: int | None = None) -> None:
        self._max_sessions = max_sessions
        self._numbers = itertools.count(1)
        self.live: dict[str, ServedSession] = {}
        self.created = 0
        self.most = 0

    def create(self, request: CreateMcpSession, session_id: str = "") -> ServedSession:
        """Add a session.

        Args:
            request: What was asked for.
            session_id: Its id, when a script has given one already.

        Raises:
            RateLimitError: there are as many as there may be.
        """
        if self._max_sessions is not None and len(self.live) >= self._max_sessions:
            raise service_error(
                QUOTA_EXCEEDED, f"There are {len(self.live)} sessions already", http_status=429
            )
        number = next(self._numbers)
        session = ServedSession(
            id=session_id or f"s-{number}",
            number=number,
            image_id=request.image_id or "",
            labels=request.labels or {},
        )
        self.live[session.id] = session
        self.created += 1
        self.most = max(self.most, len(self.live))
        return session

    def get(self, session_id: str) -> ServedSession:
        """Return a live session.

        Raises:
            NotFoundError: there is none of that id, or no longer.
        """
        session = self.live.get(session_id)
        if session is None:
            raise service_error(Code.SESSION_NOT_FOUND, SESSION_NOT_FOUND, http_status=400)
        return session

    def usable(self, session_id: str) -> ServedSession:
        """Return a session whose tools can be called.

        Raises:
            NotFoundError: there is none of that id, or no longer.
            ConflictError: it is paused.
        """
        session = self.get(session_id)
        if session.state is not SessionStatus.RUNNING:
            _refuse_state(session, "tools need a RUNNING session")
        return session

    def set_labels(self, session_id: str, labels: dict[str, str]) -> None:
        """Replace the labels of a session.

        Raises:
            NotFoundError: there is none of that id, or no longer.
            ServiceError: there is no label, or one is blank.
        """
        session = self.get(session_id)
        if not labels or not all(text.strip() for item in labels.items() for text in item):
            _refuse_parameter("Labels", "must have a label, and none with a blank key or value")
        session.labels = labels

    def delete(self, session_id: str) -> None:
        """Forget a session: from now on it is not found."""
        del self.live[self.get(session_id).id]

    def page(self, request: ListSession) -> Reply[tuple[SessionListing, ...]]:
        """Return a page of the live sessions that *request* asks for, newest first.

        Those that were deleted are forgotten, so there are none with that status.
        """
        if request.max_results < 1:
            _refuse_parameter("MaxResults", "must be at least 1")
        if request.status and request.status not in SessionStatus.__members__:
            _refuse_parameter("Status", f"must be one of {', '.join(SessionStatus.__members__)}")
        size = min(request.max_results, _MAX_PAGE)
        before = _position(request.next_token)
        found = list(self._matching(request))
        page = [session for session in found if before is None or session.number < before]
        more = len(page) > size
        return Reply(
            data=tuple(_listing(session) for session in page[:size]),
            next_token=f"before-{page[size - 1].number}" if more else "",
            max_results=size,
            total_count=len(found),
        )

    def _matching(self, request: ListSession) -> Iterator[ServedSession]:
        wanted = request.labels.items()
        for session in reversed(self.live.values()):
            if (
                wanted <= session.labels.items()
                and request.status in (None, "", session.state.value)
                and request.image_id in (None, "", session.image_id)
            ):
                yield session


def _listing(session: ServedSession) -> SessionListing:
    return SessionListing(
        session_id=session.id,
        session_status=session.state.value,
        app_instance_id=f"ai-{session.number}",
        image_id=session.image_id,
    )


def _position(token: str | None) -> int | None:
    if not token:
        return None
    number = token.removeprefix("before-")
    if not number.isdecimal():
        _refuse_parameter("NextToken", "is not a token of this server")
    return int(number)


def _refuse_parameter(name: str, problem: str) -> NoReturn:
    raise service_error(Code.INVALID_PARAMETER, f"{name} {problem}", http_status=400)


def _refuse_state(session: ServedSession, problem: str) -> NoReturn:
    raise service_error(
        Code.WRONG_STATE,
        f"Session {session.id} is {session.state.value}: {problem}",
        http_status=400,
    )
