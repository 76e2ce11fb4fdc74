"""The client: creates, finds, lists and deletes sessions."""

from __future__ import annotations

import copy
import logging
from functools import partial
from typing import TYPE_CHECKING

from agentbay._async._creation import (
    awaited_contexts,
    create_problem,
    create_request,
    refused_or_incomplete,
    wait_for_contexts,
)
from agentbay._async._listing import look_up, make_listing, numbered_page
from agentbay._async._markers import awaitable_twin
from agentbay._async._mobile_settings import configure, imitate
from agentbay._async._origin import place_of_caller
from agentbay._async._owner import Ownership
from agentbay._async._reaping import reap
from agentbay._async.beta import AsyncBetaNamespace
from agentbay._async.context import AsyncContextService
from agentbay._async.fleet import AsyncFleet
from agentbay._async.scope import AsyncSessionScope
from agentbay._async.session import AsyncSession
from agentbay._async.session_iterator import AsyncSessionIterator
from agentbay._caller import undo_if_lost
from agentbay._transport.background import Background
from agentbay._transport.channels import ChannelPool
from agentbay._transport.embedded import embedded_target
from agentbay._transport.finishing import finish, finish_or_undo
from agentbay._transport.http import HttpPool
from agentbay._transport.rpc import Rpc, Target
from agentbay._transport.tools import ToolCaller
from agentbay.config import Config, load_settings
from agentbay.errors import AgentBayError, SessionError
from agentbay.models.session import (
    DeleteResult,
    SessionListResult,
    SessionResult,
    SessionStatus,
)
from agentbay.models.session_params import CreateSessionParams

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from agentbay._async.beta_network import AsyncBetaNetwork
    from agentbay._async.beta_skills import AsyncBetaSkills
    from agentbay._wire.actions.sessions import CreatedSession
    from agentbay._wire.envelope import Reply
    from agentbay.config import RetryPolicy
    from agentbay.models.reap import ReapResult
    from agentbay.models.session_state import (
        GetSessionResult,
        SessionPauseResult,
        SessionResumeResult,
    )

__all__ = ("AsyncAgentBay",)

logger = logging.getLogger("agentbay")

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
        self._rpc = Rpc(self._http, target, self._settings.timeout, self._settings.network.retry)
        self._tools = ToolCaller(self._http, self._rpc)
        self._background = Background()
        network = self._settings.network
        self._ownership = Ownership(self._rpc, self._background, network.owner, network.owner_lease)
        self._created_at = place_of_caller()
        self._context = AsyncContextService(self)
        self._beta = AsyncBetaNamespace(self)
        self._channels = ChannelPool(self._http)

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

    @property
    def context(self) -> AsyncContextService:
        """Contexts: storage that outlives sessions."""
        return self._context

    @property
    def beta(self) -> AsyncBetaNamespace:
        """Services whose form may still change."""
        return self._beta

    @property
    def beta_network(self) -> AsyncBetaNetwork:
        """The same as ``beta.network``."""
        return self._beta.network

    @property
    def beta_skills(self) -> AsyncBetaSkills:
        """The same as ``beta.skills``."""
        return self._beta.skills

    async def create(
        self, params: CreateSessionParams | None = None
    ) -> SessionResult[AsyncSession]:
        """Create a session; it is ready for use when this returns.

        Failures are results, never raised. Cancelling does not leave a session behind: one that
        still arrives is deleted. The files of its contexts are there, unless their
        ``beta_wait_for_completion`` is false; when they do not arrive, that is logged.

        Args:
            params: What to create; the service's defaults when ``None``.

        Returns:
            The session, or why there is none.
        """
        created = await self._create(params)
        if created.session is not None:
            undo_if_lost(partial(self._discard, created.session))
        return created

    async def _create(
        self, params: CreateSessionParams | None, retry: RetryPolicy | None = None
    ) -> SessionResult[AsyncSession]:
        try:
            # A copy: the caller may change the original while the request is under way.
            wanted = copy.deepcopy(params) if params is not None else CreateSessionParams()
            if self._ownership.owner:
                wanted.labels = {**wanted.labels, **self._ownership.labels()}
            request = create_request(wanted, self.region_id)
        except (TypeError, ValueError) as exc:
            return SessionResult.failure(f"Unexpected error creating session: {exc}")
        try:
            reply = await finish_or_undo(
                lambda: self._rpc.call(request, retry=retry),
                self._undo_create,
                grace=UNDO_GRACE_SECONDS,
            )
        except AgentBayError as exc:
            return SessionResult.failure(create_problem(exc), exc)
        made = reply.data
        problem = refused_or_incomplete(reply)
        if problem or made is None:
            return SessionResult.failure(problem, reply.refusal, request_id=reply.request_id)
        session = AsyncSession(self, made.session_id)
        session._learn(made, wanted)
        self._ownership.add(session.session_id)
        try:
            await self._prepare(session, wanted)
        except BaseException:
            await finish(lambda: self._undo_create(reply), grace=UNDO_GRACE_SECONDS)
            raise
        return SessionResult(reply.request_id, True, session=session)

    async def _prepare(self, session: AsyncSession, params: CreateSessionParams) -> None:
        """Do what comes between the session's creation and its use."""
        mobile = params.extra_configs.mobile if params.extra_configs is not None else None
        if session.is_vpc and not session.mcp_tools:
            await self._learn_tools(session)
        await configure(session, mobile)
        await wait_for_contexts(session.context, awaited_contexts(params))
        await imitate(session, mobile.simulate_config if mobile is not None else None)

    async def _undo_create(self, reply: Reply[CreatedSession]) -> None:
        if reply.data is None or not reply.data.session_id:
            return
        await self._discard(AsyncSession(self, reply.data.session_id))

    async def _discard(self, session: AsyncSession) -> None:
        """Delete a session that nobody has."""
        deleted = await session.delete()
        if not deleted.success:
            logger.error("Session %s was left: %s", session.session_id, deleted.error_message)

    async def _learn_tools(self, session: AsyncSession) -> None:
        try:
            await session.list_mcp_tools()
        except SessionError as exc:
            # The session exists; its tools are reached through the API all the same.
            logger.warning("The tools of %s are not known: %s", session.session_id, exc)

    def session(self, params: CreateSessionParams | None = None) -> AsyncSessionScope:
        """Return a scope that creates a session and always deletes it.

        Whatever ends the ``with`` block, an error or a cancellation included, the session is
        deleted before the block is left.

        Args:
            params: What to create; the service's defaults when ``None``.
        """
        return AsyncSessionScope(self, params)

    def fleet(
        self,
        params: CreateSessionParams | None = None,
        *,
        concurrency: int = 16,
        reuse: bool = False,
    ) -> AsyncFleet:
        """Return a fleet: many sessions at once, every one of which is deleted at the end.

        Args:
            params: What to create each session with; the service's defaults when ``None``.
            concurrency: How many sessions exist at the same time, at most.
            reuse: Let a session serve further items after one that succeeded, instead of giving
                each item a new one.

        Raises:
            ConfigurationError: *concurrency* is not a positive number.
        """
        return AsyncFleet(self, params, concurrency=concurrency, reuse=reuse)

    async def get(self, session_id: str) -> SessionResult[AsyncSession]:
        """Return a handle on an existing session.

        Args:
            session_id: Its id.

        Returns:
            The session, or why it cannot be had; failures are never raised.
        """
        if not session_id or not session_id.strip():
            return SessionResult.failure("session_id is required")
        found, facts = await look_up(self._rpc, session_id)
        if not found.success or facts is None:
            return SessionResult.failure(
                f"Failed to get session {session_id}: {found.error_message}",
                found.exception,
                request_id=found.request_id,
                code=found.code,
            )
        session = AsyncSession(self, session_id)
        session._learn(facts)
        return SessionResult(found.request_id, True, session=session)

    async def get_session(self, session_id: str) -> GetSessionResult:
        """Ask what the service knows of a session, its state included.

        Args:
            session_id: Its id.

        Returns:
            The facts, or why they cannot be had; failures are never raised.
        """
        found, _ = await look_up(self._rpc, session_id)
        return found

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
        listing = make_listing(labels, limit, status, image_id)
        if isinstance(listing, SessionListResult):
            return listing
        return await numbered_page(self._rpc, listing, 1 if page is None else page)

    def list_all(
        self,
        labels: dict[str, str] | None = None,
        limit: int | None = None,
        status: str | SessionStatus | None = None,
        image_id: str | None = None,
    ) -> AsyncSessionIterator:
        """Return an iterator over the sessions on all pages, newest first.

        Pages are fetched as they are needed. What cannot be listed is raised while iterating.

        Args:
            labels: List only sessions that have all of these.
            limit: Sessions per page; default 10.
            status: List only sessions in this state.
            image_id: List only sessions of this image.
        """
        return AsyncSessionIterator(self, labels, limit, status, image_id)

    async def reap(
        self, owner: str | None = None, *, clock_skew: float = 60.0, timeout: float = 300.0
    ) -> ReapResult:
        """Delete the sessions that dead processes of an owner left; failures are results.

        A session is deleted if the process that created it, with this owner configured, has
        ended on this machine, or runs on another one and has not renewed its lease. Whatever
        may still belong to somebody is kept, and so is what cannot be read. Any number of
        processes may do this at the same time.

        Args:
            owner: The owner; the client's own by default.
            clock_skew: Seconds by which the clocks of two machines may differ; a lease of a
                process on another machine must have ended that long ago.
            timeout: Seconds for all of it.
        """
        return await reap(
            self,
            self._ownership.owner if owner is None else owner,
            clock_skew=clock_skew,
            timeout=timeout,
        )

    async def delete(self, session: AsyncSession, sync_context: bool = False) -> DeleteResult:
        """End *session* and wait until it is gone; the same as ``session.delete()``.

        Args:
            session: The session.
            sync_context: Upload all contexts of the session first, and wait for that.
        """
        return await session.delete(sync_context)

    async def pause(
        self, session: AsyncSession, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionPauseResult:
        """Freeze *session* and wait until it is ``PAUSED``; the same as ``session.pause()``.

        Args:
            session: The session.
            timeout: Seconds to wait.
            poll_interval: Longest time between two looks at the state, in seconds.
        """
        return await session.pause(timeout, poll_interval)

    @awaitable_twin
    async def pause_async(
        self, session: AsyncSession, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionPauseResult:
        """Do the same as ``pause``, awaitable from any event loop."""
        return await session.pause_async(timeout, poll_interval)

    async def beta_pause(
        self, session: AsyncSession, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionPauseResult:
        """Do the same as ``session.beta_pause()``."""
        return await session.beta_pause(timeout, poll_interval)

    async def resume(
        self, session: AsyncSession, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionResumeResult:
        """Wake *session* and wait until it is ``RUNNING``; the same as ``session.resume()``.

        Args:
            session: The session.
            timeout: Seconds to wait.
            poll_interval: Longest time between two looks at the state, in seconds.
        """
        return await session.resume(timeout, poll_interval)

    @awaitable_twin
    async def resume_async(
        self, session: AsyncSession, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionResumeResult:
        """Do the same as ``resume``, awaitable from any event loop."""
        return await session.resume_async(timeout, poll_interval)

    async def beta_resume(
        self, session: AsyncSession, timeout: float = 600, poll_interval: float = 2.0
    ) -> SessionResumeResult:
        """Do the same as ``session.beta_resume()``."""
        return await session.beta_resume(timeout, poll_interval)

    async def close(self) -> None:
        """Close the client's connections; it cannot be used afterwards.

        Sessions live on. Closing again does nothing, and not closing at all is fine, too.
        """
        self._ownership.close()
        await self._background.close()
        await self._channels.close()
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
