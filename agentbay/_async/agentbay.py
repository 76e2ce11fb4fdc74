"""The client: creates, finds, lists and deletes sessions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import attrs

from agentbay._async._lifetime import finish_or_undo
from agentbay._async.session import AsyncSession, refusal_text
from agentbay._transport.embedded import embedded_target
from agentbay._transport.http import HttpPool
from agentbay._transport.rpc import Rpc, Target
from agentbay._transport.tools import ToolCaller
from agentbay._version import __version__
from agentbay._wire.actions import CreateMcpSession, GetSession, ListSession, SdkStats
from agentbay.config import Config, load_settings
from agentbay.errors import AgentBayError, NotFoundError, ServiceError
from agentbay.models.session import (
    DeleteResult,
    SessionListItem,
    SessionListResult,
    SessionResult,
    SessionStatus,
)
from agentbay.models.session_params import CreateSessionParams

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from agentbay._wire.actions import CreatedSession
    from agentbay._wire.envelope import Reply

__all__ = ("AsyncAgentBay", "AsyncSessionScope")

logger = logging.getLogger("agentbay")

DEFAULT_PAGE_SIZE = 10

# How long a cancelled create waits for the answer that names the session to delete.
UNDO_GRACE_SECONDS = 30.0


class AsyncAgentBay:
    """A client of the service, or of the runtime embedded in this process.

    It holds no connection until it is used, works in several event loops, and need not be
    closed: connections end with their loop.

    Args:
        api_key: The API key; ``AGENTBAY_API_KEY`` by default. Not needed with the endpoint
            ``"local"``.
        cfg: The configuration; read from the environment and ``.env`` by default.
        env_file: The ``.env`` file to read instead of searching for one.

    Raises:
        ConfigurationError: there is no API key, or the endpoint cannot be one.
    """

    def __init__(
        self, api_key: str = "", cfg: Config | None = None, env_file: str | None = None
    ) -> None:
        self._settings = load_settings(api_key, cfg, env_file)
        self._http = HttpPool(self._settings.network)
        target = embedded_target if self._settings.is_local else self._remote_target
        self._rpc = Rpc(self._http, target, self._settings.timeout)
        self._tools = ToolCaller(self._http, self._rpc)

    async def _remote_target(self) -> Target:
        return Target(self._settings.base_url, self._settings.api_key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.base_url or 'local'}>"

    @property
    def api_key(self) -> str:
        """The API key; a secret."""
        return self._settings.api_key

    @property
    def region_id(self) -> str:
        """The region in which sessions run."""
        return self._settings.region_id

    async def create(
        self, params: CreateSessionParams | None = None
    ) -> SessionResult[AsyncSession]:
        """Create a session; it is ready for use when this returns.

        Failures are results, never raised. Cancelling while the request is under way does not
        leave a session behind: the one that still arrives is deleted.

        Args:
            params: What to create; the service's defaults when ``None``.

        Returns:
            The session, or why there is none.
        """
        params = params if params is not None else CreateSessionParams()
        request = self._create_request(params)
        try:
            reply = await finish_or_undo(
                lambda: self._rpc.call(request), self._undo_create, grace=UNDO_GRACE_SECONDS
            )
        except ServiceError as exc:
            return SessionResult.failure(f"Failed to create session: {exc}", exc)
        except AgentBayError as exc:
            return SessionResult.failure(f"Unexpected error creating session: {exc}", exc)
        if reply.refusal is not None:
            return SessionResult.failure(
                refusal_text(reply.refusal), reply.refusal, request_id=reply.request_id
            )
        made = reply.data
        if made is None or made.success is False or not made.session_id:
            return SessionResult.failure(_no_session(made), request_id=reply.request_id)
        session = AsyncSession(self, made.session_id)
        session._learn(made, params.image_id or "")
        return SessionResult(reply.request_id, True, session=session)

    def _create_request(self, params: CreateSessionParams) -> CreateMcpSession:
        policy = params.lifecycle_policy
        managed = policy is not None and not policy.manual_release
        return CreateMcpSession(
            image_id=params.image_id or None,
            labels=params.labels or None,
            timeout=policy.idle_release_timeout
            if policy is not None and managed
            else params.idle_release_timeout,
            max_runtime=policy.max_runtime if policy is not None and managed else None,
            manual_release=True if policy is not None and policy.manual_release else None,
            mcp_policy_id=params.policy_id or None,
            network_id=params.beta_network_id or None,
            vpc_resource=True if params.is_vpc else None,
            enable_record=params.enable_browser_replay,
            load_skill=True if params.load_skills else None,
            skills=list(params.skill_names) if params.load_skills and params.skill_names else None,
            sdk_stats=SdkStats(
                sdk_version=__version__,
                is_release=__version__.replace(".", "").isdecimal(),
                framework=params.framework,
            ),
            login_region_id=self.region_id,
        )

    async def _undo_create(self, reply: Reply[CreatedSession]) -> None:
        if reply.data is not None and reply.data.session_id:
            await AsyncSession(self, reply.data.session_id).delete()

    def session(self, params: CreateSessionParams | None = None) -> AsyncSessionScope:
        """Return a scope that creates a session and always deletes it.

        Whatever ends the ``with`` block, an error or a cancellation included, the session is
        deleted before the block is left.

        Args:
            params: What to create; the service's defaults when ``None``.
        """
        return AsyncSessionScope(self, params)

    async def get(self, session_id: str) -> SessionResult[AsyncSession]:
        """Return a handle on an existing session.

        Args:
            session_id: Its id.

        Returns:
            The session, or why it cannot be had; failures are never raised.
        """
        if not session_id or not session_id.strip():
            return SessionResult.failure("session_id is required")
        try:
            reply = await self._rpc.call(GetSession(session_id=session_id))
        except NotFoundError as exc:
            return _get_failure(session_id, f"Session {session_id} not found", exc)
        except AgentBayError as exc:
            return _get_failure(session_id, f"Failed to get session {session_id}: {exc}", exc)
        if reply.refusal is not None:
            return _get_failure(session_id, refusal_text(reply.refusal), reply.refusal)
        session = AsyncSession(self, session_id)
        if reply.data is not None:
            session._learn(attrs.evolve(reply.data, session_id=session_id))
        return SessionResult(reply.request_id, True, session=session)

    async def list(
        self,
        labels: dict[str, str] | None = None,
        page: int | None = None,
        limit: int | None = None,
        status: str | SessionStatus | None = None,
        image_id: str | None = None,
    ) -> SessionListResult:
        """List sessions, newest first.

        The service only knows the next page, so page N costs N requests.

        Args:
            labels: List only sessions that have all of these.
            page: Which page, counted from 1.
            limit: Sessions per page; default 10.
            status: List only sessions in this state.
            image_id: List only sessions of this image.

        Returns:
            One page; each item equals the session's id. Failures are never raised.
        """
        size = DEFAULT_PAGE_SIZE if limit is None else limit
        number = 1 if page is None else page
        state = status.value if isinstance(status, SessionStatus) else status
        states = [member.value for member in SessionStatus]
        if state is not None and state not in states:
            problem = f"Invalid status '{state}'. Must be one of: {', '.join(states)}"
            return SessionListResult.failure(problem, max_results=size)
        if number < 1:
            problem = f"Cannot reach page {number}: Page number must be >= 1"
            return SessionListResult.failure(problem, max_results=size)
        request = ListSession(
            labels=labels or {}, max_results=size, status=state, image_id=image_id or None
        )
        for _ in range(1, number):
            before = await self._list_page(request, f"Cannot reach page {number}")
            if not before.success:
                return before
            if not before.next_token:
                return SessionListResult.failure(
                    f"Cannot reach page {number}: No more pages available",
                    max_results=size,
                    total_count=before.total_count,
                )
            request = attrs.evolve(request, next_token=before.next_token)
        return await self._list_page(request, "Failed to list sessions")

    async def _list_page(self, request: ListSession, on_refusal: str) -> SessionListResult:
        size = request.max_results
        try:
            reply = await self._rpc.call(request)
        except AgentBayError as exc:
            problem = f"Failed to list sessions: {exc}"
            return SessionListResult.failure(problem, exc, max_results=size)
        if reply.refusal is not None:
            reason = reply.refusal.detail or reply.refusal.code or "Unknown error"
            problem = f"{on_refusal}: {reason}"
            return SessionListResult.failure(problem, reply.refusal, max_results=size)
        items = [
            SessionListItem(
                listed.session_id,
                listed.session_status or "UNKNOWN",
                listed.app_instance_id,
                listed.image_id,
            )
            for listed in reply.data or ()
        ]
        return SessionListResult(
            reply.request_id,
            True,
            session_ids=items,
            next_token=reply.next_token,
            max_results=reply.max_results or size,
            total_count=reply.total_count,
        )

    async def delete(self, session: AsyncSession) -> DeleteResult:
        """End *session* and wait until it is gone; the same as ``session.delete()``.

        Args:
            session: The session.
        """
        return await session.delete()

    async def close(self) -> None:
        """Close the client's connections; it cannot be used afterwards.

        Sessions live on. Closing again does nothing, and not closing at all is fine, too.
        """
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncSessionScope:
    """Creates a session on entry and deletes it on exit, whatever happens in between.

    Args:
        agent_bay: The client.
        params: What to create; the service's defaults when ``None``.
    """

    def __init__(self, agent_bay: AsyncAgentBay, params: CreateSessionParams | None = None) -> None:
        self._agent_bay = agent_bay
        self._params = params
        self._session: AsyncSession | None = None

    async def __aenter__(self) -> AsyncSession:
        """Create the session.

        Raises:
            AgentBayError: there is none to be had.
        """
        created = await self._agent_bay.create(self._params)
        self._session = created.unwrap()
        return self._session

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Delete the session, also when the task is being cancelled.

        Raises:
            SessionError: it could not be deleted, and nothing else was raised.
        """
        session, self._session = self._session, None
        if session is None:
            return
        with anyio.CancelScope(shield=True):  # bounded: every step of delete has a deadline
            deleted = await session.delete()
        if exc is None:
            deleted.raise_for_error()
        elif not deleted.success:
            logger.error("Session %s was left: %s", session.session_id, deleted.error_message)


def _get_failure(session_id: str, reason: str, cause: AgentBayError) -> SessionResult[AsyncSession]:
    return SessionResult.failure(f"Failed to get session {session_id}: {reason}", cause)


def _no_session(made: CreatedSession | None) -> str:
    if made is None:
        return "Invalid response format: 'Data' field is not a dictionary"
    if made.success is False:
        return made.err_msg or "Session creation failed"
    return "SessionId not found in response"
