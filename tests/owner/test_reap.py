"""What reap() deletes, what it keeps and why, and how it fails; on both surfaces."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import anyio
import pytest

from agentbay import (
    AsyncAgentBay,
    Config,
    ConfigurationError,
    ConnectError,
    CreateSessionParams,
    RequestTimeoutError,
    ServerFaultError,
    SessionError,
)
from agentbay._wire.labels import ALIVE_UNTIL, OWNER, PROCESS
from agentbay.config import RetryPolicy
from agentbay.testing import Capacity, Data, RecordingServer, Refusal
from tests.children import ROOT
from tests.conftest import ConnectFunction
from tests.owner.conftest import OwnedBy, Plant

FAR = "elsewhere-0123456789abcdef01234567/1234/5678"


def ids(service: RecordingServer) -> set[str]:
    return set(service.sessions)


def marked(process: str, seconds: float = 0.0, owner: str = "nightly") -> dict[str, str]:
    """Return the labels of a session whose lease ends in so many *seconds*."""
    return {OWNER: owner, PROCESS: process, ALIVE_UNTIL: str(int(time.time() + seconds))}


@pytest.fixture(scope="module")
def dead() -> str:
    """The name of a process of this machine that has ended."""
    source = "from agentbay._async._process import identity; print(identity())"
    ended = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, check=True, cwd=ROOT, text=True
    )
    return ended.stdout.strip()


@pytest.fixture
def living() -> Iterator[str]:
    """The name of another process of this machine, which exists but does nothing."""
    source = "from agentbay._async._process import identity; print(identity()); input()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", source],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("\n")


async def test_nothing_to_do(owned_by: OwnedBy) -> None:
    result = await owned_by("nightly").reap()
    assert result
    assert (result.deleted, result.kept, result.failed) == ((), {}, {})
    assert result.unwrap() == ()


async def test_own_sessions_are_kept(owned_by: OwnedBy, service: RecordingServer) -> None:
    bay = owned_by("nightly")
    session = (await bay.create()).unwrap()
    sibling = (await owned_by("nightly").create()).unwrap()
    result = await bay.reap()
    assert result.success
    why = "this process created it"
    assert result.kept == {session.session_id: why, sibling.session_id: why}
    assert ids(service) == {session.session_id, sibling.session_id}


async def test_dead_at_once_whatever_the_lease_says(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    session = await plant(marked(dead, 3600))
    unreadable = await plant(marked(dead) | {ALIVE_UNTIL: "soon"})
    result = await owned_by("nightly").reap()
    assert result.unwrap() == result.deleted
    assert set(result.deleted) == {session, unreadable}
    assert ids(service) == set()


async def test_alive_whatever_the_lease_says(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, living: str
) -> None:
    session = await plant(marked(living, -1_000_000))
    result = await owned_by("nightly").reap(clock_skew=0)
    assert result.kept == {session: f"the process that created it exists: {living}"}
    assert ids(service) == {session}


async def test_a_process_id_that_was_given_again(
    owned_by: OwnedBy, plant: Plant, living: str
) -> None:
    machine, pid, started = living.split("/")
    session = await plant(marked(f"{machine}/{pid}/{int(started) - 7}", 3600))
    assert (await owned_by("nightly").reap()).unwrap() == (session,)


async def test_elsewhere_the_lease_decides(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer
) -> None:
    running, skewed, over = [await plant(marked(FAR, ends)) for ends in (60, -30, -90)]
    bay = owned_by("nightly")
    result = await bay.reap()
    assert result.deleted == (over,)
    assert set(result.kept) == {running, skewed}
    assert all("vouches for it until 2" in why and FAR in why for why in result.kept.values())
    assert (await bay.reap(clock_skew=10)).deleted == (skewed,)
    assert ids(service) == {running}


@pytest.mark.parametrize("process", ["laptop/77/x0123456789abcdef", "not ours at all"])
async def test_a_name_that_cannot_be_checked_goes_by_the_lease(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, process: str
) -> None:
    running, over = [await plant(marked(process, ends)) for ends in (60, -90)]
    assert (await owned_by("nightly").reap()).deleted == (over,)
    assert ids(service) == {running}


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({OWNER: "nightly"}, "do not name the process"),
        ({OWNER: "nightly", ALIVE_UNTIL: "1"}, "do not name the process"),
        ({OWNER: "nightly", PROCESS: FAR}, f"do not say until when {FAR}"),
        *(
            ({OWNER: "nightly", PROCESS: FAR, ALIVE_UNTIL: seconds}, "do not say until when")
            for seconds in ("soon", "-1", "1.5", "1e3", "nan", " 1", "9" * 12, "\u0661")
        ),
    ],
)
async def test_what_cannot_be_read_is_kept(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, labels: dict[str, str], why: str
) -> None:
    session = await plant(labels)
    result = await owned_by("nightly").reap()
    assert result.success
    assert why in result.kept[session]
    assert ids(service) == {session}


async def test_other_owners_are_left_alone(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    theirs = await plant(marked(dead, owner="somebody"))
    nobodys = await plant({"a": "b"})
    result = await owned_by("nightly").reap()
    assert (result.deleted, result.kept) == ((), {})
    assert ids(service) == {theirs, nobodys}
    # Who has no owner can say whose sessions are meant.
    assert (await owned_by(None).reap("somebody")).deleted == (theirs,)


async def test_labels_count_also_where_the_service_lists_too_much(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    theirs = await plant(marked(dead, owner="somebody"))
    service.answer("ListSession", Data([{"SessionId": theirs}]))
    result = await owned_by("nightly").reap()
    assert result.kept == {theirs: "its labels do not name this owner"}
    assert ids(service) == {theirs}


async def test_all_pages(owned_by: OwnedBy, plant: Plant, dead: str) -> None:
    planted = {await plant(marked(dead)) for _ in range(230)}
    result = await owned_by("nightly").reap()
    assert set(result.unwrap()) == planted
    assert len(result.deleted) == 230


async def test_a_session_that_goes_meanwhile(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    await plant(marked(dead))
    service.answer("ListSession", Data([{"SessionId": "s-gone"}]))
    result = await owned_by("nightly").reap()
    assert result.success
    assert (result.deleted, result.kept, result.failed) == ((), {}, {})


async def test_many_at_once_do_no_harm(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    planted = {await plant(marked(dead)) for _ in range(20)}
    keeper = owned_by("nightly")
    kept = (await keeper.create()).unwrap().session_id
    results = []

    async def reap() -> None:
        results.append(await owned_by("nightly").reap())

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(reap)
    assert all(result.success for result in results)
    assert planted == {name for result in results for name in result.deleted}
    assert all(set(result.kept) == {kept} for result in results)
    assert ids(service) == {kept}


@pytest.mark.parametrize("owner", [None, "", "  "])
async def test_without_a_name_nothing_is_done(
    owned_by: OwnedBy, service: RecordingServer, owner: str | None
) -> None:
    result = await owned_by(None).reap(owner)
    assert not result
    assert "Give reap() the name of an owner" in result.error_message
    with pytest.raises(ConfigurationError):
        result.unwrap()
    assert service.requests == []


async def test_what_cannot_be_listed(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    session = await plant(marked(dead))
    service.answer("ListSession", Refusal("Broken", "no lists today", 500))
    result = await owned_by("nightly").reap()
    assert not result
    assert "Failed to reap the sessions of 'nightly'" in result.error_message
    assert "no lists today" in result.error_message
    with pytest.raises(ServerFaultError):
        result.unwrap()
    assert ids(service) == {session}


async def test_a_session_whose_labels_cannot_be_had_is_left(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    planted = {await plant(marked(dead)) for _ in range(3)}
    labels = Data({"Labels": json.dumps(marked(dead))})
    service.answer("GetLabel", Refusal("Bad", "not this one", 400), labels)
    result = await owned_by("nightly").reap()
    assert not result
    (failed,) = result.failed
    assert "not this one" in str(result.failed[failed])
    assert f"may be left: 1 ({failed}: " in result.error_message
    with pytest.raises(SessionError, match="may be left"):
        result.unwrap()
    assert set(result.deleted) == planted - {failed}
    assert ids(service) == {failed}


async def test_sessions_that_cannot_be_deleted(
    owned_by: OwnedBy, plant: Plant, service: RecordingServer, dead: str
) -> None:
    planted = {await plant(marked(dead)) for _ in range(3)}
    service.answer("DeleteSessionAsync", Refusal("Bad", "not now", 400))
    result = await owned_by("nightly").reap()
    assert not result
    assert result.failed.keys() == planted
    assert all("not now" in str(error) for error in result.failed.values())
    assert result.deleted == ()


async def test_a_deadline(connect: ConnectFunction, dead: str) -> None:
    async with RecordingServer(capacity=Capacity(latency={"GetLabel": 60})) as service:
        config = Config(endpoint=service.endpoint, owner="nightly")
        async with connect(service.api_key, config) as bay:
            stranger = AsyncAgentBay(service.api_key, Config(endpoint=service.endpoint))
            params = CreateSessionParams(labels=marked(dead))
            planted = {(await stranger.create(params)).unwrap().session_id for _ in range(20)}
            started = time.monotonic()
            result = await bay.reap(timeout=0.5)
            assert time.monotonic() - started < 20
            await stranger.close()
    assert not result
    assert set(result.failed) == planted
    assert all(isinstance(error, RequestTimeoutError) for error in result.failed.values())
    assert "(" in result.error_message
    assert result.error_message.endswith("; ...)")


async def test_a_deadline_before_anything_is_known(connect: ConnectFunction) -> None:
    async with RecordingServer(capacity=Capacity(latency={"ListSession": 60})) as service:
        config = Config(endpoint=service.endpoint, owner="nightly")
        async with connect(service.api_key, config) as bay:
            result = await bay.reap(timeout=0.3)
    assert "were not listed before the deadline" in result.error_message
    with pytest.raises(RequestTimeoutError):
        result.unwrap()


async def test_nobody_answers(connect: ConnectFunction) -> None:
    async with RecordingServer() as service:
        endpoint = service.endpoint
    retry = RetryPolicy(max_attempts=1)
    async with connect("k", Config(endpoint=endpoint, owner="nightly", retry=retry)) as bay:
        with pytest.raises(ConnectError):
            (await bay.reap()).unwrap()


async def test_cancelling_leaves_the_client_usable(
    service: RecordingServer, plant: Plant, dead: str
) -> None:
    planted = {await plant(marked(dead)) for _ in range(8)}
    async with AsyncAgentBay(
        service.api_key, Config(endpoint=service.endpoint, owner="nightly")
    ) as bay:
        for checkpoints in range(0, 60, 3):
            task = asyncio.create_task(bay.reap())
            for _ in range(checkpoints):
                await anyio.lowlevel.checkpoint()
            task.cancel()
            await asyncio.wait([task])
        again = await bay.reap()
        assert again.success
        assert set(again.deleted) <= planted
        assert ids(service) == set()
