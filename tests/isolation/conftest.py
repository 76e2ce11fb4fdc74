"""Real sandboxes, each closed after its test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from agentbay.local.sandbox.base import Isolation, Network, Sandbox, SandboxSpec
from agentbay.local.sandbox.bubblewrap import Bubblewrap

if TYPE_CHECKING:
    from pathlib import Path

StartFunction = Callable[..., Awaitable[Sandbox]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def bubblewrap() -> Bubblewrap:
    return Bubblewrap()


@pytest.fixture
async def start(tmp_path: Path, bubblewrap: Bubblewrap) -> AsyncIterator[StartFunction]:
    """Start sandboxes; without a network unless a test asks for one."""
    running: list[Sandbox] = []

    async def start_one(isolation: Isolation = bubblewrap, **changes: Any) -> Sandbox:
        number = next(_numbers)
        spec = SandboxSpec(
            id=f"test-{number}",
            root=tmp_path / f"root-{number}",
            network=changes.pop("network", Network.NONE),
            **changes,
        )
        running.append(await isolation.start(spec))
        return running[-1]

    yield start_one
    for sandbox in running:
        await sandbox.close()


@pytest.fixture
async def sandbox(start: StartFunction) -> Sandbox:
    return await start()
