"""What the fixtures of the pytest plugin work with: a service, clients of it, and its sessions."""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import define, field, frozen

from agentbay import AgentBay, AsyncAgentBay, Config, NotFoundError, SessionStatus
from agentbay._wire.labels import OWNER
from agentbay.local.runtime import LocalRuntime
from agentbay.testing.faults.proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from agentbay import AsyncSession, CreateSessionParams
    from agentbay.testing.faults import FaultPlan

__all__ = ("Bench", "ServiceUnderTest", "open_bench")


@frozen
class ServiceUnderTest:
    """Where the service of the tests is.

    Attributes:
        endpoint: For ``Config(endpoint=...)``.
        api_key: The key; empty when it is the one in ``AGENTBAY_API_KEY``.
    """

    endpoint: str
    api_key: str = field(default="", repr=False)


@define(eq=False)
class Bench:
    """The service of one test process and what the fixtures do with it.

    Attributes:
        owner: What sessions are told from others' by, where there are others; else empty.
    """

    service: ServiceUnderTest
    owner: str
    _portal: BlockingPortal
    _shared: set[str] = field(factory=set)

    def _config(self, endpoint: str) -> Config:
        return Config(endpoint=endpoint, owner=self.owner or None)

    def _direct_client(self) -> AsyncAgentBay:
        return AsyncAgentBay(self.service.api_key, self._config(self.service.endpoint))

    def blocking_client(self, endpoint: str) -> AgentBay:
        """Return a blocking client of the service, reached at *endpoint*."""
        return AgentBay(self.service.api_key, self._config(endpoint))

    def async_client(self, endpoint: str) -> AbstractContextManager[AsyncAgentBay]:
        """Return an asynchronous client, closed at the end of the block."""
        client = AsyncAgentBay(self.service.api_key, self._config(endpoint))
        return self._portal.wrap_async_context_manager(client)

    @contextmanager
    def faults(self, plan: FaultPlan) -> Iterator[str]:
        """Put *plan* between the service and those who use the endpoint that this gives."""
        proxy = FaultProxy(self.service.endpoint, plan)
        with self._portal.wrap_async_context_manager(proxy):
            yield proxy.endpoint

    def session(
        self, client: AsyncAgentBay, params: CreateSessionParams | None
    ) -> AbstractContextManager[AsyncSession]:
        """Return a session for a block; no event loop of the tests has to do with it."""
        return self._portal.wrap_async_context_manager(client.session(params))

    @contextmanager
    def shared(self, session_id: str) -> Iterator[None]:
        """Let no test be blamed for a session during the block."""
        self._shared.add(session_id)
        try:
            yield
        finally:
            self._shared.discard(session_id)

    def live_sessions(self) -> frozenset[str]:
        """Return the ids of all sessions, but those that are about to be gone.

        Raises:
            AgentBayError: they cannot be listed.
        """
        return self._portal.call(self._live_sessions)

    async def _live_sessions(self) -> frozenset[str]:
        labels = {OWNER: self.owner} if self.owner else None
        gone = (SessionStatus.DELETING.value, SessionStatus.DELETED.value)
        async with self._direct_client() as client:
            return frozenset(
                [
                    item.session_id
                    async for item in client.list_all(labels, limit=100)
                    if item.status not in gone
                ]
            )

    def delete_new_sessions(self, before: frozenset[str]) -> list[str]:
        """Delete the sessions that are not in *before*, nor shared; return their ids.

        Raises:
            AgentBayError: they cannot be listed, or one cannot be deleted.
        """
        left = sorted(self.live_sessions() - before - self._shared)
        if left:
            self._portal.call(self._delete, left)
        return left

    async def _delete(self, session_ids: list[str]) -> None:
        async with self._direct_client() as client:
            for session_id in session_ids:
                try:
                    session = (await client.get(session_id)).unwrap()
                except NotFoundError:
                    continue  # it ended meanwhile
                (await session.delete()).raise_for_error()


@contextmanager
def open_bench(endpoint: str, options: Mapping[str, Any]) -> Iterator[Bench]:
    """Work with the service at *endpoint*, or with a local runtime if that is empty.

    The runtime, and all that is awaited here, runs on an event loop in a thread of its own.

    Args:
        endpoint: Where the service is.
        options: Arguments of the local runtime.
    """
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        if endpoint:
            url = endpoint if "://" in endpoint else f"https://{endpoint}"
            yield Bench(ServiceUnderTest(url), _owner(), portal)
            return
        runtime = stack.enter_context(portal.wrap_async_context_manager(LocalRuntime(**options)))
        # Nobody else is at this runtime, so all sessions are the tests', whoever made them.
        yield Bench(ServiceUnderTest(runtime.endpoint, runtime.api_key), "", portal)


def _owner() -> str:
    """Return a name for this process of this test run."""
    # Both are set by pytest-xdist.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    return f"pytest-{run[:12]}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
