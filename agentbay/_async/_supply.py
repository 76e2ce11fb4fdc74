"""The sessions of one fleet: where they come from, and that none is left."""

from __future__ import annotations

import copy
import logging
import random
import uuid
from collections import deque
from typing import TYPE_CHECKING

import anyio

from agentbay._async._pacing import Pacing
from agentbay._async.session import AsyncSession
from agentbay._transport.background import Background
from agentbay._wire.labels import CREATION, FLEET
from agentbay.config import RetryPolicy
from agentbay.errors import (
    AgentBayError,
    ClientClosedError,
    ConfigurationError,
    ProtocolError,
    RateLimitError,
    ServerFaultError,
    ServiceError,
    SessionError,
    TransportError,
)
from agentbay.models.session_params import CreateSessionParams

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentbay._async._tally import Tally
    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay.models.session import DeleteResult, SessionResult

__all__ = ("SessionSupply",)

logger = logging.getLogger("agentbay.fleet")

CREATE_ATTEMPTS = 4
"""How often a creation is tried that fails for another reason than too many requests."""

DELETE_ATTEMPTS = 4
PARALLEL_DELETIONS = 64

LOOKS_FOR_LOST = (0.3, 1.0, 3.0, 10.0)
"""Pauses before each look for a session whose creation was never answered."""

LOOKS_AT_THE_END = (0.0, 0.3, 1.0, 2.0, 4.0)

ONCE = RetryPolicy(max_attempts=1)


class SessionSupply:
    """Creates sessions as quickly as the service bears, and knows which of them live.

    Each creation has a label of its own. When its answer is lost, nobody knows whether there is
    a session now; then it is looked for by that label, and deleted if there is. What the whole
    fleet may have left is found by the fleet's label.

    Args:
        agent_bay: The client.
        params: What to create.
        concurrency: How many to create at the same time, at most.
        tally: Counts what is done.
    """

    def __init__(
        self,
        agent_bay: AsyncAgentBay,
        params: CreateSessionParams | None,
        concurrency: int,
        tally: Tally,
    ) -> None:
        self._agent_bay = agent_bay
        self._params = CreateSessionParams() if params is None else copy.deepcopy(params)
        self._tally = tally
        self._fleet = uuid.uuid4().hex
        self._background = Background()
        self._idle: deque[AsyncSession] = deque()
        self._unsettled: set[str] = set()  # creations that may have made a session or not
        self.alive: dict[str, AsyncSession] = {}
        self.pacing = Pacing(concurrency)

    async def take(self, *, fresh: bool = False) -> AsyncSession:
        """Return an idle session, or a new one.

        Args:
            fresh: Do not take one that has been used.

        Raises:
            AgentBayError: there is none to be had.
        """
        if self._idle and not fresh:
            return self._idle.popleft()
        return await self.create()

    def put_back(self, session: AsyncSession) -> None:
        """Let a session be taken again."""
        self._idle.append(session)

    async def create(self) -> AsyncSession:
        """Return a new session.

        Raises:
            AgentBayError: there is none to be had.
        """
        asked = anyio.current_time()
        attempts = 0
        while True:
            async with self.pacing.turn(asked) as turn:
                result = await self._create_once()
                if result.session is not None:
                    self.pacing.succeeded()
                    return result.session
                problem = result.exception or SessionError(result.error_message)
                if isinstance(problem, RateLimitError):
                    self._tally.throttled += 1
                    self.pacing.refused(turn, problem)
                    continue
            attempts += 1
            if attempts == CREATE_ATTEMPTS or not _may_pass(problem):
                raise problem
            await anyio.sleep(random.uniform(0, 0.2 * 2**attempts))  # noqa: S311 - no secret

    async def _create_once(self) -> SessionResult[AsyncSession]:
        creation = uuid.uuid4().hex
        params = copy.copy(self._params)
        params.labels = {**params.labels, FLEET: self._fleet, CREATION: creation}
        self._unsettled.add(creation)
        began = anyio.current_time()
        result = await self._agent_bay._create(params, ONCE)
        if result.session is not None:
            self.alive[result.session.session_id] = result.session
            self._tally.created += 1
            self._tally.creations.add(anyio.current_time() - began)
            self._tally.most_alive = max(self._tally.most_alive, len(self.alive))
        elif not _certainly_made_none(result.exception):
            self._background.start(self._find_lost(creation))
            return result
        self._unsettled.discard(creation)
        return result

    async def _find_lost(self, creation: str) -> None:
        """Delete what a creation without an answer may have made, once it can be seen."""
        for pause in LOOKS_FOR_LOST:
            await anyio.sleep(pause)
            try:
                found = await self._find(CREATION, creation)
            except AgentBayError as exc:
                logger.info("A session that may have been created was not looked for: %s", exc)
                continue
            for session_id in found:
                logger.info("Session %s was created without an answer", session_id)
                session = AsyncSession(self._agent_bay, session_id)
                self.alive[session_id] = session
                self._tally.created += 1
                self._unsettled.discard(creation)
                await self.delete(session)
            if found:
                return

    async def _find(self, label: str, value: str) -> list[str]:
        listed = self._agent_bay.list_all({label: value}, limit=100)
        return [str(item) async for item in listed]

    async def delete(self, session: AsyncSession, sync_context: bool = False) -> DeleteResult:
        """Delete a session, if necessary by several attempts; failures are results."""
        began = anyio.current_time()
        attempts = 1
        while not (result := await session.delete(sync_context)).success:
            if attempts == DELETE_ATTEMPTS or isinstance(result.exception, ClientClosedError):
                return result
            await anyio.sleep(random.uniform(0, 0.2 * 2**attempts))  # noqa: S311 - no secret
            attempts += 1
        self._is_gone(session.session_id, anyio.current_time() - began)
        return result

    def delete_soon(self, session: AsyncSession) -> None:
        """Begin to delete a session."""

        async def delete() -> None:
            await self.delete(session)

        self._background.start(delete())

    def _is_gone(self, session_id: str, seconds: float | None = None) -> None:
        if self.alive.pop(session_id, None) is not None:
            self._tally.deleted += 1
            self.pacing.made_room()
            if seconds is not None:
                self._tally.deletions.add(seconds)

    async def close(self) -> list[str]:
        """Delete all sessions, and return the ids of those that are left."""
        await self._background.close()
        self._idle.clear()
        await self._delete_all(list(self.alive.values()))
        if self.alive or self._unsettled:
            await self._sweep()
        left = sorted(self.alive)
        self._tally.leaked = len(left)
        return left

    async def _delete_all(self, sessions: Iterable[AsyncSession]) -> None:
        limiter = anyio.CapacityLimiter(PARALLEL_DELETIONS)

        async def delete(session: AsyncSession) -> None:
            async with limiter:
                await self.delete(session)

        async with anyio.create_task_group() as group:
            for session in sessions:
                group.start_soon(delete, session)

    async def _sweep(self) -> None:
        """Delete what carries the fleet's label, until nothing does.

        A creation that was never answered may still be under way at the service, so one look at
        which nothing is found is not enough.
        """
        empty = 0
        for pause in LOOKS_AT_THE_END:
            await anyio.sleep(pause)
            try:
                found = await self._find(FLEET, self._fleet)
            except AgentBayError as exc:
                logger.warning("It is not known which sessions of the fleet are left: %s", exc)
                continue
            for session_id in set(self.alive) - set(found):
                self._is_gone(session_id)
            for session_id in found:
                if session_id not in self.alive:
                    self.alive[session_id] = AsyncSession(self._agent_bay, session_id)
                    self._tally.created += 1
            empty = 0 if found else empty + 1
            if empty > 1 or (empty and not self._unsettled):
                return
            await self._delete_all(list(self.alive.values()))


def _certainly_made_none(problem: AgentBayError | None) -> bool:
    """Return whether a creation that failed so has certainly made no session."""
    if isinstance(problem, TransportError):
        return problem.retryable
    if isinstance(problem, ServiceError):
        return not isinstance(problem, ServerFaultError)
    return isinstance(problem, (ClientClosedError, ConfigurationError))


def _may_pass(problem: AgentBayError) -> bool:
    return isinstance(problem, (TransportError, ServerFaultError, ProtocolError, SessionError))
