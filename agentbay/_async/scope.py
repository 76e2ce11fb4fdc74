"""A session for one block of code."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from types import TracebackType

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._async.session import AsyncSession
    from agentbay.models.session_params import CreateSessionParams

__all__ = ("AsyncSessionScope",)

logger = logging.getLogger("agentbay")


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
