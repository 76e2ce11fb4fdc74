"""Sessions for behaviour tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentbay import AsyncSession, Config
from agentbay.local.runtime import LocalRuntime
from tests.conftest import ConnectFunction


@pytest.fixture(params=["direct", "api"])
async def routed(
    connect: ConnectFunction, runtime: LocalRuntime, request: pytest.FixtureRequest
) -> AsyncIterator[AsyncSession]:
    """A session reached directly, or through the API only, where messages are cut small."""
    endpoint = runtime.endpoint
    if request.param == "api":
        endpoint = request.getfixturevalue("api_only_endpoint")
    async with (
        connect(runtime.api_key, Config(endpoint=endpoint)) as bay,
        bay.session() as session,
    ):
        assert bool(session.link_url) == (request.param == "direct")
        yield session
