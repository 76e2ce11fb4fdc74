"""A session for one block of code."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

from agentbay._transport.finishing import finish, is_loop_running

if TYPE_CHECKING:
    from types import TracebackType

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._async.session import AsyncSession
    from agentbay.models.session import DeleteResult
    from agentbay.models.session_params import CreateSessionParams

__all__ = ("AsyncSessionScope",)

logger = logging.getLogger("agentbay")

EXIT_GRACE_SECONDS = 60.0
"""How long a cancelled task waits for the end of its session; the request for it has 30."""


class AsyncSessionScope:
    """Creates a session on entry and deletes it on exit, whatever happens in between.

    One that is dropped without being left, so that its session lives on, says so with a
    ``ResourceWarning``.

    Args:
        agent_bay: The client.
        params: What to create; the service's defaults when ``None``.
    """

    _session: AsyncSession | None = None  # also when the constructor fails, for __del__

    def __init__(self, agent_bay: AsyncAgentBay, params: CreateSessionParams | None = None) -> None:
        self._agent_bay = agent_bay
        self._params = params

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
        session = self._session
        if session is None:
            return
        if exc_type is GeneratorExit and not is_loop_running():
            return  # a coroutine that was dropped with its loop; __del__ says so
        deleted = await finish(lambda: self._delete(session), grace=EXIT_GRACE_SECONDS)
        if exc is None:
            deleted.raise_for_error()

    async def _delete(self, session: AsyncSession) -> DeleteResult:
        deleted = await session.delete()
        self._session = None
        if not deleted.success:
            logger.error("Session %s was left: %s", session.session_id, deleted.error_message)
        return deleted

    def _warn_if_entered(self) -> None:
        if self._session is None:
            return
        warnings.warn(
            f"Session {self._session.session_id} lives on: its scope was dropped without being "
            f"left, so nobody deletes it. Its client was created at {self._agent_bay._created_at}. "
            "Leave the block, or delete the session by its id.",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )

    def __del__(self) -> None:
        self._warn_if_entered()
