"""The pytest plugin: a service, clients and sessions for tests, and no session left behind.

pytest loads it wherever this package is installed, so nothing is imported that a test run
without these fixtures does not need. What they do is in :mod:`agentbay.testing.bench`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentbay import (
        AgentBay,
        AsyncAgentBay,
        AsyncSession,
        CreateSessionParams,
        Session,
    )
    from agentbay.testing.bench import Bench, ServiceUnderTest
    from agentbay.testing.faults import FaultPlan

__all__ = ()

_ENDPOINT_VARIABLE = "AGENTBAY_TEST_ENDPOINT"
_FAULTS_MARKER = "agentbay_faults"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--agentbay-endpoint``."""
    parser.getgroup("agentbay").addoption(
        "--agentbay-endpoint",
        metavar="URL",
        default=None,
        help="Run tests against this AgentBay service, with the key in AGENTBAY_API_KEY, instead "
        f"of a local runtime of their own. The default is taken from {_ENDPOINT_VARIABLE}.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_FAULTS_MARKER}(*rules, seed=0): what goes wrong between the service and the clients "
        "of the fixtures: each rule is an agentbay.testing.FaultRule.",
    )


def _endpoint(config: pytest.Config) -> str:
    given = config.getoption("--agentbay-endpoint")
    return str(given or os.environ.get(_ENDPOINT_VARIABLE) or "")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the service, when the tests do not start one."""
    endpoint = _endpoint(config)
    return f"agentbay: {endpoint}" if endpoint else None


@pytest.fixture(scope="session")
def agentbay_runtime_options() -> dict[str, Any]:
    """Arguments for the ``LocalRuntime`` of the tests; override it to give some."""
    return {}


@pytest.fixture(scope="session")
def _agentbay_bench(
    request: pytest.FixtureRequest, agentbay_runtime_options: dict[str, Any]
) -> Iterator[Bench]:
    from agentbay.testing.bench import open_bench

    with open_bench(_endpoint(request.config), agentbay_runtime_options) as bench:
        yield bench


@pytest.fixture(scope="session")
def agentbay_runtime(_agentbay_bench: Bench) -> ServiceUnderTest:
    """The service: its ``endpoint`` and ``api_key``, for clients that a test makes itself.

    A local runtime that is started when the first test asks for it and serves all tests of the
    process, or the service that ``--agentbay-endpoint`` names.
    """
    return _agentbay_bench.service


@pytest.fixture
def agentbay_leak_check(_agentbay_bench: Bench) -> Iterator[None]:
    """Fail the test, at its teardown, if a session is left that it began; and delete that.

    Every fixture for one test brings it along. Ask for it in tests that make their own clients.
    Against ``--agentbay-endpoint`` only sessions of the fixtures' clients are told from others'.
    """
    before = _agentbay_bench.live_sessions()
    yield
    left = _agentbay_bench.delete_new_sessions(before)
    if left:
        pytest.fail(f"AgentBay sessions left behind: {', '.join(left)}", pytrace=False)


@pytest.fixture(scope="session")
def agentbay_session_params() -> CreateSessionParams | None:
    """What the session fixtures create; override it to choose an image or labels."""
    return None


@pytest.fixture
def agentbay_faults(request: pytest.FixtureRequest) -> FaultPlan:
    """What goes wrong for the clients of this test: the rules of the marker `agentbay_faults`.

    A rule applies to all that they ask, to create and delete a session for a fixture included.
    How often it did is in ``agentbay_faults.injected``.
    """
    from agentbay.testing.faults import FaultPlan

    marker = request.node.get_closest_marker(_FAULTS_MARKER)
    return FaultPlan() if marker is None else FaultPlan(marker.args, **marker.kwargs)


@pytest.fixture
def _agentbay_endpoint(
    request: pytest.FixtureRequest,
    _agentbay_bench: Bench,
    agentbay_leak_check: None,  # noqa: ARG001 - asked for by its effect
) -> Iterator[str]:
    """Where the clients of this test find the service."""
    if request.node.get_closest_marker(_FAULTS_MARKER) is None:
        yield _agentbay_bench.service.endpoint
        return
    with _agentbay_bench.faults(request.getfixturevalue("agentbay_faults")) as endpoint:
        yield endpoint


@pytest.fixture
def agentbay_client(_agentbay_bench: Bench, _agentbay_endpoint: str) -> Iterator[AgentBay]:
    """A blocking client of ``agentbay_runtime``, closed after the test."""
    with _agentbay_bench.blocking_client(_agentbay_endpoint) as client:
        yield client


@pytest.fixture
def async_agentbay_client(
    _agentbay_bench: Bench, _agentbay_endpoint: str
) -> Iterator[AsyncAgentBay]:
    """An asynchronous client of ``agentbay_runtime``, closed after the test.

    It is made and closed outside the test's event loop, so any plugin for asynchronous tests
    will do.
    """
    with _agentbay_bench.async_client(_agentbay_endpoint) as client:
        yield client


@pytest.fixture
def agentbay_session(
    agentbay_client: AgentBay, agentbay_session_params: CreateSessionParams | None
) -> Iterator[Session]:
    """A session of ``agentbay_client``, deleted after the test."""
    with agentbay_client.session(agentbay_session_params) as session:
        yield session


@pytest.fixture
def async_agentbay_session(
    _agentbay_bench: Bench,
    async_agentbay_client: AsyncAgentBay,
    agentbay_session_params: CreateSessionParams | None,
) -> Iterator[AsyncSession]:
    """A session of ``async_agentbay_client``, deleted after the test.

    Like the client it does not depend on the test's event loop.
    """
    with _agentbay_bench.session(async_agentbay_client, agentbay_session_params) as session:
        yield session


@pytest.fixture(scope="module")
def async_agentbay_shared_session(
    _agentbay_bench: Bench, agentbay_session_params: CreateSessionParams | None
) -> Iterator[AsyncSession]:
    """One asynchronous session for all tests of a module, which see what the others did in it."""
    with (
        _agentbay_bench.async_client(_agentbay_bench.service.endpoint) as client,
        _agentbay_bench.session(client, agentbay_session_params) as session,
        _agentbay_bench.shared(session.session_id),
    ):
        yield session


@pytest.fixture(scope="module")
def agentbay_shared_session(
    _agentbay_bench: Bench, agentbay_session_params: CreateSessionParams | None
) -> Iterator[Session]:
    """One blocking session for all tests of a module, which see what the others did in it."""
    with (
        _agentbay_bench.blocking_client(_agentbay_bench.service.endpoint) as client,
        client.session(agentbay_session_params) as session,
        _agentbay_bench.shared(session.session_id),
    ):
        yield session
