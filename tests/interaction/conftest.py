"""A client, on each surface, of a server that records what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentbay import AsyncSession, Config, CreateSessionParams
from agentbay.testing import RecordingServer
from tests.conftest import ConnectFunction


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    """A recording server; tools are called through the API."""
    async with RecordingServer() as running:
        yield running


@pytest.fixture
async def session(connect: ConnectFunction, server: RecordingServer) -> AsyncIterator[AsyncSession]:
    """A session at the server; the requests that made it are not among those recorded."""
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        created = await bay.create(CreateSessionParams(image_id="linux_latest"))
        server.requests.clear()
        yield created.unwrap()
