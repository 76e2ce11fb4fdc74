"""The pytest plugin, in pytest runs of their own."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from textwrap import dedent
from urllib.parse import urlsplit

import anyio.from_thread
import pytest

from agentbay import AgentBay, Config, CreateSessionParams
from agentbay._wire.labels import OWNER
from agentbay.testing import RecordingServer
from tests.api.source import ROOT

pytest_plugins = ["pytester"]

# What the sandboxes are made of is not the matter here, but for one test.
QUICK = """
import pytest

@pytest.fixture(scope="session")
def agentbay_runtime_options():
    return {"isolation": "none", "network": "none"}
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose tests use the plugin."""
    for name in ("AGENTBAY_API_KEY", "AGENTBAY_ENDPOINT", "AGENTBAY_TEST_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    # Of the run around it, which may be distributed itself.
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeconftest(QUICK)
    return pytester


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    """A service that others use as well, in a thread of its own."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(RecordingServer()) as running,
    ):
        yield running


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:randomly", "-W", "error", *options, timeout=50)


def test_the_blocking_surface(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it_works(agentbay_session):
            assert agentbay_session.command.execute_command("echo hi").output == "hi\\n"

        def test_each_has_its_own(agentbay_client, agentbay_session):
            assert agentbay_client.list().session_ids == [agentbay_session.session_id]

        def test_it_may_be_deleted(agentbay_session):
            assert agentbay_session.delete().success
        """
    )
    run(project).assert_outcomes(passed=3)


def test_the_asynchronous_surface_with_any_plugin(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import asyncio
        import pytest

        async def use(session):
            assert (await session.command.execute_command("echo hi")).output == "hi\\n"

        @pytest.mark.anyio
        async def test_in_the_loop_of_a_plugin(async_agentbay_client, async_agentbay_session):
            await use(async_agentbay_session)
            listed = await async_agentbay_client.list()
            assert listed.session_ids == [async_agentbay_session.session_id]

        def test_in_loops_of_its_own(async_agentbay_session):
            asyncio.run(use(async_agentbay_session))
            asyncio.run(use(async_agentbay_session))

        async def delete(session):
            assert (await session.delete()).success

        def test_it_may_be_deleted(async_agentbay_session):
            asyncio.run(delete(async_agentbay_session))

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
        """
    )
    run(project).assert_outcomes(passed=3)


def test_sessions_are_sandboxes_and_end_with_the_run(project: pytest.Pytester) -> None:
    project.makeconftest("")
    project.makepyfile(
        """
        from pathlib import Path

        def test_it(agentbay_runtime, agentbay_session):
            command = agentbay_session.command
            assert command.execute_command("whoami").output == "wuying\\n"
            assert "api_key" not in repr(agentbay_runtime)
            Path("endpoint").write_text(agentbay_runtime.endpoint)
        """
    )
    run(project).assert_outcomes(passed=1)
    port = urlsplit((project.path / "endpoint").read_text()).port
    assert port is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_what_is_created_can_be_chosen(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from agentbay import CreateSessionParams

        @pytest.fixture(scope="session")
        def agentbay_session_params():
            return CreateSessionParams(image_id="code_latest", labels={"env": "test"})

        def test_labels(agentbay_session, agentbay_client):
            assert agentbay_session.get_labels().data == {"env": "test"}
            assert agentbay_client.list(image_id="code_latest").total_count == 1
        """
    )
    run(project).assert_outcomes(passed=1)


def test_shared_sessions_live_as_long_as_the_module(project: pytest.Pytester) -> None:
    body = """
        seen = []

        def test_first(agentbay_shared_session, async_agentbay_shared_session, agentbay_client):
            seen.append(agentbay_shared_session.session_id)
            assert agentbay_client.list().total_count == 2

        def test_second(agentbay_shared_session, agentbay_client):
            assert seen == [agentbay_shared_session.session_id]
            assert agentbay_shared_session.command.execute_command("true").success
            assert agentbay_client.list().total_count == 2
    """
    project.makepyfile(test_a=body, test_b=body)
    run(project).assert_outcomes(passed=4)


def test_a_shared_session_may_be_begun_in_the_middle(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it(request, agentbay_client):
            assert agentbay_client.list().total_count == 0
            request.getfixturevalue("agentbay_shared_session")
            assert agentbay_client.list().total_count == 1
        """
    )
    run(project).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("client", "create"),
    [
        ("agentbay_client", "agentbay_client.create()"),
        ("async_agentbay_client", "anyio.run(async_agentbay_client.create)"),
    ],
)
def test_a_session_left_behind_fails_the_test(
    project: pytest.Pytester, client: str, create: str
) -> None:
    project.makepyfile(
        f"""
        import anyio
        from pathlib import Path

        def test_that_leaks({client}):
            Path("leaked").write_text(({create}).unwrap().session_id)

        def test_that_does_not(agentbay_client):
            assert agentbay_client.list().total_count == 0
        """
    )
    result = run(project)
    result.assert_outcomes(passed=2, errors=1)
    leaked = (project.path / "leaked").read_text()
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_that_leaks*", f"*sessions left behind: {leaked}"]
    )


def test_clients_of_the_program_are_watched_on_request(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from agentbay import AgentBay, Config

        def test_that_leaks(agentbay_runtime, agentbay_leak_check):
            config = Config(endpoint=agentbay_runtime.endpoint)
            with AgentBay(agentbay_runtime.api_key, config) as client:
                client.create().unwrap()
        """
    )
    result = run(project)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*sessions left behind: *"])


def test_the_example_of_the_documentation(project: pytest.Pytester) -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    section = page.split("\n## pytest\n", maxsplit=1)[1]
    (example, *_) = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    backend = """
        @pytest.fixture
        def anyio_backend():
            return "asyncio"
    """
    project.makepyfile(example + dedent(backend))
    run(project, "--strict-markers").assert_outcomes(passed=3)


def test_faults_happen_to_the_clients_of_one_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from agentbay.testing import FaultRule, Throttled

        @pytest.mark.agentbay_faults(FaultRule(Throttled(0), name="GetSessionDetail", times=1))
        def test_with_faults(agentbay_session, agentbay_faults):
            assert agentbay_session.get_status().success
            assert agentbay_faults.injected == {"throttled": 1}

        def test_without(agentbay_session, agentbay_faults):
            assert agentbay_session.get_status().success
            assert not agentbay_faults.injected
        """
    )
    run(project, "--strict-markers").assert_outcomes(passed=2)


def test_a_leak_is_found_behind_faults(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from agentbay.testing import FaultRule, ServerError

        @pytest.mark.agentbay_faults(
            FaultRule(ServerError(500), name="DeleteSessionAsync"),
        )
        def test_that_cannot_delete(agentbay_client):
            session = agentbay_client.create().unwrap()
            assert not session.delete().success
        """
    )
    result = run(project)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*sessions left behind: *"])


def test_a_session_that_a_failed_test_leaves_is_deleted(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_that_fails(agentbay_client):
            agentbay_client.create().unwrap()
            raise RuntimeError

        def test_after_it(agentbay_client):
            assert agentbay_client.list().total_count == 0
        """
    )
    run(project).assert_outcomes(passed=1, failed=1, errors=1)


def test_workers_of_xdist_have_runtimes_of_their_own(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import os
        from pathlib import Path

        def test_it(agentbay_runtime, agentbay_session):
            assert agentbay_session.agent_bay.list().total_count == 1
            worker = os.environ["PYTEST_XDIST_WORKER"]
            Path(f"{worker}.endpoint").write_text(agentbay_runtime.endpoint)
        """
    )
    run(project, "-n", "2", "--dist", "each").assert_outcomes(passed=2)
    endpoints = {path.read_text() for path in project.path.glob("*.endpoint")}
    assert len(endpoints) == 2


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_given_service(
    project: pytest.Pytester,
    server: RecordingServer,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    project.makepyfile(
        """
        def test_that_leaks(agentbay_client):
            agentbay_client.create().unwrap()

        def test_that_does_not(agentbay_session, async_agentbay_session):
            assert agentbay_session.call_mcp_tool("shell", {"command": "true"}).success
        """
    )
    monkeypatch.setenv("AGENTBAY_API_KEY", server.api_key)
    options = ["--agentbay-endpoint", server.endpoint] if how == "option" else []
    if how == "variable":
        monkeypatch.setenv("AGENTBAY_TEST_ENDPOINT", server.endpoint)
    with AgentBay(server.api_key, Config(endpoint=server.endpoint)) as other:
        kept = other.create(CreateSessionParams()).unwrap().session_id
        result = run(project, *options)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines([f"agentbay: {server.endpoint}", "*sessions left behind: s-2"])
    assert list(server.sessions) == [kept]
    assert server.sessions_created == 4
    owners = {
        request.arguments.get("Labels", "")
        for request in server.named("ListSession")
        if OWNER in request.arguments.get("Labels", "")
    }
    assert len(owners) == 1


def test_workers_of_xdist_do_not_blame_each_other(
    project: pytest.Pytester, server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", range(10))
        def test_it(agentbay_session, number):
            assert agentbay_session.call_mcp_tool("shell", {"command": "true"}).success
        """
    )
    monkeypatch.setenv("AGENTBAY_API_KEY", server.api_key)
    result = run(project, "-n", "2", "--agentbay-endpoint", server.endpoint)
    result.assert_outcomes(passed=10)
    assert (server.sessions, server.sessions_created) == ({}, 10)


def test_who_does_not_use_it_does_not_pay_for_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("agentbay")
            ours = {name for name in sys.modules if name.startswith("agentbay")}
            assert ours == {"agentbay", "agentbay.testing", "agentbay.testing.plugin"}
            assert not {"aiohttp", "cattrs", "dotenv"} & sys.modules.keys()
        """
    )
    # anyio's plugin and others may import what they like.
    run(project).assert_outcomes(passed=1)


def test_it_can_be_turned_off(project: pytest.Pytester) -> None:
    project.makeconftest("")
    project.makepyfile(
        """
        def test_it():
            pass

        def test_with_it(agentbay_client):
            pass
        """
    )
    result = run(project, "-p", "no:agentbay")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'agentbay_client' not found"])


def test_every_fixture_says_what_it_is(project: pytest.Pytester) -> None:
    shown = run(project, "--fixtures").stdout.str()
    ours = shown.split("fixtures defined from agentbay.testing.plugin")[1].split("-----")[1:]
    section = next(part for part in ours if "agentbay_client" in part)
    assert "no docstring" not in section
    names = [line.split()[0] for line in section.splitlines() if " -- " in line]
    assert all("agentbay_" in name for name in names)
    assert len(names) >= 8
