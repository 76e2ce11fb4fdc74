"""The public client and this package put the same on the wire for the same calls."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve

from agentbay.testing import Recorded, RecordingServer, Route
from tests.compat import answers
from tests.compat.differences import DIFFERENCES
from tests.compat.programs import run_program
from tests.compat.script import MARKER

Steps = dict[str, list[Recorded]]

PRELUDE = "(before the first step)"
TRACE_ID = re.compile("[0-9a-f]{32}")


async def record(python: Path, route: Route, cwd: Path) -> tuple[Steps, dict[str, Any]]:
    """Run the script and return the requests of each step, and what each step raised."""
    async with RecordingServer(route=route, channel=True) as server:
        answers.script(server)
        raised = await run_program(python, "script.py", server.endpoint, server.api_key, cwd=cwd)
    steps: Steps = {PRELUDE: []}
    name = PRELUDE
    for request in server.requests:
        if request.name == MARKER:
            name = request.arguments["Step"]
            steps[name] = []
        else:
            steps[name].append(normalised(request))
    return steps, raised


def normalised(request: Recorded) -> Recorded:
    """Return *request* without what names the client, or differs from call to call."""
    arguments = dict(request.arguments)
    if "SdkStats" in arguments:
        stats = json.loads(arguments["SdkStats"])
        assert stats.pop("sdk_version")
        assert isinstance(stats.pop("is_release"), bool)
        arguments["SdkStats"] = json.dumps(stats)
    if "trace_id" in arguments:
        assert TRACE_ID.fullmatch(arguments["trace_id"])
        arguments["trace_id"] = "(fresh)"
    return evolve(request, arguments=arguments)


def comparable(requests: list[Recorded]) -> list[tuple[Any, ...]]:
    return [
        (
            request.route,
            request.name,
            request.arguments,
            request.server,
            request.query,
            request.data,
        )
        for request in requests
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("route", [Route.API, Route.LINK])
async def test_requests_are_equal(public_client: Path, tmp_path: Path, route: Route) -> None:
    recorded: dict[Path, tuple[Steps, dict[str, Any]]] = {}

    async def run(python: Path) -> None:
        recorded[python] = await record(python, route, tmp_path)

    async with anyio.create_task_group() as group:
        group.start_soon(run, public_client)
        group.start_soon(run, Path(sys.executable))
    public, public_raised = recorded[public_client]
    ours, ours_raised = recorded[Path(sys.executable)]
    assert list(public) == list(ours)
    assert len(public) > 150
    assert {name for name, text in public_raised.items() if text} == {
        name for name, text in ours_raised.items() if text
    }
    intended = {
        step: difference
        for difference in DIFFERENCES
        if route in difference.routes
        for step in difference.steps
    }
    assert intended.keys() <= public.keys()
    stale = {step for step in intended if comparable(public[step]) == comparable(ours[step])}
    assert not stale, "these differences are gone"
    expected = {
        step: intended[step].change(requests) if step in intended else requests
        for step, requests in public.items()
    }
    wrong = [
        f"{step}\n  public: {comparable(expected[step])}\n  ours:   {comparable(requests)}"
        for step, requests in ours.items()
        if comparable(requests) != comparable(expected[step])
    ]
    assert not wrong, "\n".join(wrong)
