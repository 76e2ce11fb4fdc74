"""A sandbox for all tests of one file; each works in a directory of its own."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from agentbay.local.sandbox.base import Network, Sandbox, SandboxSpec
from agentbay.local.sandbox.bubblewrap import Bubblewrap
from tests.worker.support import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    root = tmp_path_factory.mktemp("sandbox") / "root"
    running = await Bubblewrap().start(
        SandboxSpec(id="worker-tests", root=root, network=Network.NONE, env={"FROM_SESSION": "yes"})
    )
    yield running
    await running.close()


@pytest.fixture
async def folder(sandbox: Sandbox) -> str:
    """A new directory in the sandbox."""
    path = f"{sandbox.home}/test-{next(_numbers)}"
    await call(sandbox, "create_directory", path=path)
    return path
