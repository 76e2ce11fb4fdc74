"""One of several processes is killed: what it left goes, what the others have stays."""

from __future__ import annotations

import json
import secrets
from asyncio import to_thread

import pytest

from agentbay import AgentBay, AsyncAgentBay, Config
from agentbay._wire.labels import OWNER
from agentbay.local.runtime import LocalRuntime
from agentbay.testing import Capacity, RecordingServer
from tests.owner.programs import (
    CREATE_AND_USE,
    CREATE_WITHOUT_END,
    FLEET_AT_WORK,
    REAP,
    Program,
    programs,
)
from tests.owner.waiting import until


def ready(program: Program) -> list[str]:
    return program.line().split()


def reaped(program: Program) -> tuple[set[str], set[str]]:
    """Return what a reaping program has deleted and kept."""
    ((success, problem, deleted, kept),) = map(json.loads, program.finish())
    assert success, problem
    return set(deleted), set(kept)


@pytest.mark.parametrize("created_before", [1, 8])
@pytest.mark.parametrize(
    "source", [CREATE_WITHOUT_END, FLEET_AT_WORK], ids=["creating", "in-mid-fleet"]
)
async def test_killed(source: str, created_before: int) -> None:
    capacity = Capacity(latency={"CreateMcpSession": 0.2})
    async with RecordingServer(capacity=capacity) as service:
        env = {"ENDPOINT": service.endpoint, "KEY": service.api_key, "OWNER": "nightly"}
        with programs(env, CREATE_WITHOUT_END, CREATE_AND_USE, CREATE_AND_USE, REAP, REAP) as (
            victim,
            first,
            second,
            *reapers,
        ):
            siblings = {*await to_thread(ready, first), *await to_thread(ready, second)}
            for _ in range(created_before):
                assert await to_thread(victim.line)
            victim.process.kill()
            victim.process.wait()
            # What the service was asked for exists, whether or not anybody learns its id. It has
            # read all of that once it has answered a request that came later.
            async with AsyncAgentBay(service.api_key, Config(endpoint=service.endpoint)) as bay:
                (await bay.list()).unwrap()
            await until(lambda: service.sessions_created == service.counts["CreateMcpSession"])
            left = set(service.sessions) - siblings
            assert len(left) >= created_before
            for reaper in reapers:
                reaper.go_on()
            results = [await to_thread(reaped, reaper) for reaper in reapers]
            assert set.union(*(deleted for deleted, _ in results)) == left
            assert all(kept == siblings for _, kept in results)
            assert set(service.sessions) == siblings
            for sibling in (first, second):
                sibling.go_on()
                await to_thread(sibling.finish)
        assert service.sessions == {}


def test_real_sessions_of_a_sibling_work_on(runtime: LocalRuntime) -> None:
    owner = secrets.token_hex(8)
    env = {"ENDPOINT": runtime.endpoint, "KEY": runtime.api_key, "OWNER": owner}
    with (
        programs(env, CREATE_AND_USE, CREATE_AND_USE) as (victim, sibling),
        AgentBay(runtime.api_key, Config(endpoint=runtime.endpoint, owner=owner)) as bay,
    ):
        victims, siblings = set(ready(victim)), set(ready(sibling))
        assert set(bay.reap().unwrap()) == set()
        victim.process.kill()
        victim.process.wait()
        result = bay.reap()
        assert set(result.unwrap()) == victims
        assert result.kept.keys() == siblings
        assert bay.reap().unwrap() == ()
        assert set(bay.list_all({OWNER: owner})) == siblings
        sibling.go_on()
        assert sibling.finish() == ["works"] * 3
        assert list(bay.list_all({OWNER: owner})) == []
