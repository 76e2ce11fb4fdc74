"""Services and clients of the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio.from_thread
import pytest

from agentbay._wire.tools.shell import ShellAnswer
from agentbay.testing import RecordingServer, Route
from tests.cancellation.world import Service

if TYPE_CHECKING:
    from agentbay.local.runtime import LocalRuntime


@pytest.fixture
def local(runtime: LocalRuntime) -> Service:
    """The local runtime; its sessions are real sandboxes."""
    return Service(runtime.endpoint, runtime.api_key)


@pytest.fixture
def local_without_links(runtime: LocalRuntime, api_only_endpoint: str) -> Service:
    """The same behind a relay that hides the direct routes to its sessions."""
    return Service(api_only_endpoint, runtime.api_key)


@contextmanager
def _recording(route: Route) -> Iterator[Service]:
    server = RecordingServer(route=route)
    server.answer("shell", ShellAnswer(stdout="usable\n").to_text())
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(server),
    ):
        yield Service(server.endpoint, server.api_key)


@pytest.fixture
def recording() -> Iterator[Service]:
    """A service that forgives nothing: what a client does not delete stays there."""
    with _recording(Route.API) as service:
        yield service


@pytest.fixture
def recording_in_vpc() -> Iterator[Service]:
    """One whose sessions are called from inside their network."""
    with _recording(Route.VPC) as service:
        yield service
