"""A wire to the runtime that all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.local.wire import Started, Wire, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agentbay.local import LocalRuntime


@pytest.fixture
async def wire(runtime: LocalRuntime) -> AsyncIterator[Wire]:
    async with wire_to(runtime) as opened:
        yield opened


@pytest.fixture
async def started(wire: Wire) -> AsyncIterator[Started]:
    """A session that is ended after the test."""
    session = await wire.create()
    yield session
    await wire.action("ReleaseMcpSession", {"SessionId": session.id})
