"""A wire to the runtime that all tests share, and what tests find there."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from agentbay.local import LocalRuntime
from tests.local.contexts import new_context
from tests.local.wire import Started, Wire, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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


_numbers = itertools.count(1)


@pytest.fixture
async def context(wire: Wire) -> str:
    return await new_context(wire, f"context-{next(_numbers)}")


@pytest.fixture
async def own() -> AsyncIterator[tuple[LocalRuntime, Wire]]:
    """A runtime whose insides the test looks at."""
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        yield runtime, wire
