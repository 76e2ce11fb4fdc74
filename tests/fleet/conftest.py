"""Servers without sandboxes, for many sessions, and clients of either surface."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from agentbay import AsyncAgentBay, Config
from agentbay.testing import RecordingServer
from tests.conftest import ConnectFunction

async_only = pytest.mark.parametrize("connect", ["async"], indirect=True)
blocking_only = pytest.mark.parametrize("connect", ["sync"], indirect=True)

Served = tuple[RecordingServer, AsyncAgentBay]
ServeFunction = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve(connect: ConnectFunction) -> ServeFunction:
    """Run a test server and connect a client to it; at the end it has no sessions."""

    @contextlib.asynccontextmanager
    async def run(*, timeout_ms: int = 20_000, **options: Any) -> AsyncIterator[Served]:
        async with RecordingServer(**options) as server:
            config = Config(endpoint=server.endpoint, timeout_ms=timeout_ms)
            async with connect(server.api_key, config) as bay:
                yield server, bay
            assert not server.sessions

    return run
