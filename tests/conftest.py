"""Fixtures for all tests: a real runtime over real sockets, and a client on each surface."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator

import anyio.from_thread
import pytest
from hypothesis import HealthCheck, settings

from agentbay import AgentBay, AsyncAgentBay, AsyncSession, Config, CreateSessionParams
from agentbay.local.runtime import LocalRuntime
from tests.servers import relay_without_links
from tests.surfaces import lift

ConnectFunction = Callable[..., AsyncAgentBay]

# How quickly examples are made, and run, tells of the machine and what else it does.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def runtime() -> Iterator[LocalRuntime]:
    """A running local runtime, in a thread and event loop of its own."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(LocalRuntime(network="none")) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def api_only_endpoint(runtime: LocalRuntime) -> Iterator[str]:
    """The running runtime behind a relay that hides the direct routes to its sessions."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(relay_without_links(runtime.endpoint)) as endpoint,
    ):
        yield endpoint


@pytest.fixture(params=["async", "sync"])
def connect(request: pytest.FixtureRequest) -> ConnectFunction:
    """Make a client of either surface; every test that uses this runs on both."""

    def make(api_key: str = "", cfg: Config | None = None) -> AsyncAgentBay:
        if request.param == "async":
            return AsyncAgentBay(api_key, cfg)
        return lift(AgentBay(api_key, cfg))

    return make


@pytest.fixture
async def bay(connect: ConnectFunction, runtime: LocalRuntime) -> AsyncIterator[AsyncAgentBay]:
    """A client of the running runtime."""
    async with connect(runtime.api_key, Config(endpoint=runtime.endpoint)) as client:
        yield client


@pytest.fixture
async def session(bay: AsyncAgentBay) -> AsyncIterator[AsyncSession]:
    """A session that is deleted after the test."""
    async with bay.session(CreateSessionParams(image_id="linux_latest")) as made:
        yield made


@pytest.fixture(autouse=True)
def no_new_threads() -> Iterator[None]:
    """Notice threads that a test leaves behind, other than the pools that serve all tests."""
    before = set(threading.enumerate())
    yield
    left = [
        thread
        for thread in set(threading.enumerate()) - before
        if not thread.daemon and "AnyIO" not in thread.name and "asyncio" not in thread.name
    ]
    assert not left, f"threads left behind: {left}"
