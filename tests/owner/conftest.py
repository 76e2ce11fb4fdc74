"""A service without sandboxes, which keeps sessions and their labels, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from agentbay import AsyncAgentBay, Config, CreateSessionParams
from agentbay.testing import RecordingServer
from tests.conftest import ConnectFunction

OwnedBy = Callable[..., AsyncAgentBay]
Plant = Callable[[dict[str, str]], Awaitable[str]]


@pytest.fixture
async def service() -> AsyncIterator[RecordingServer]:
    async with RecordingServer() as server:
        yield server


@pytest.fixture
async def owned_by(connect: ConnectFunction, service: RecordingServer) -> AsyncIterator[OwnedBy]:
    """Make a client whose sessions have an owner, or none; it is closed after the test."""
    made = []

    def make(owner: str | None, lease: float = 300.0) -> AsyncAgentBay:
        config = Config(endpoint=service.endpoint, owner=owner, owner_lease=lease)
        made.append(connect(service.api_key, config))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def plant(service: RecordingServer) -> Plant:
    """Create a session with just these labels, as a client without owner may."""

    async def create(labels: dict[str, str]) -> str:
        config = Config(endpoint=service.endpoint)
        async with AsyncAgentBay(service.api_key, config) as stranger:
            session = (await stranger.create(CreateSessionParams(labels=labels))).unwrap()
            return session.session_id

    return create
