"""The labels of sessions with an owner, and how long they are renewed; on both surfaces."""

from __future__ import annotations

import asyncio
import time

import pytest

from agentbay import AsyncAgentBay, AsyncSession, Config, CreateSessionParams
from agentbay._async._process import identity
from agentbay._wire.labels import ALIVE_UNTIL, OWNER, PROCESS
from agentbay.testing import Data, RecordingServer, Refusal
from tests.children import STRICT, lines_of
from tests.owner.conftest import OwnedBy
from tests.owner.waiting import until

SHORT = 1.0  # seconds of the shortest lease; it is renewed every quarter of a second
OURS = {OWNER, PROCESS, ALIVE_UNTIL}


def labels_of(service: RecordingServer, session: AsyncSession) -> dict[str, str]:
    return dict(service.sessions[session.session_id].labels)


def renewals(service: RecordingServer, session: AsyncSession) -> int:
    return sum(asked.session_id == session.session_id for asked in service.named("SetLabel"))


async def created(bay: AsyncAgentBay, **labels: str) -> AsyncSession:
    return (await bay.create(CreateSessionParams(labels=labels))).unwrap()


async def test_without_an_owner_there_is_nothing(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    session = await created(owned_by(None), mine="1")
    assert labels_of(service, session) == {"mine": "1"}
    await session.set_labels({"mine": "2"})
    assert labels_of(service, session) == {"mine": "2"}


async def test_sessions_carry_owner_process_and_lease(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    before = time.time()
    session = await created(owned_by("nightly", 300), mine="1")
    labels = labels_of(service, session)
    assert labels.keys() == {"mine", *OURS}
    assert (labels["mine"], labels[OWNER], labels[PROCESS]) == ("1", "nightly", identity())
    assert before + 299 <= int(labels[ALIVE_UNTIL]) <= time.time() + 300
    assert (await session.get_labels()).unwrap() == labels


async def test_the_users_labels_cannot_replace_those(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    bay = owned_by("nightly")
    session = await created(bay, **{OWNER: "somebody", PROCESS: "else"})
    assert labels_of(service, session)[OWNER] == "nightly"
    await session.set_labels({OWNER: "somebody", "mine": "2"})
    await (await bay.get(session.session_id)).unwrap().set_labels({PROCESS: "else", "mine": "3"})
    labels = labels_of(service, session)
    assert labels.keys() == {"mine", *OURS}
    assert (labels["mine"], labels[OWNER], labels[PROCESS]) == ("3", "nightly", identity())


async def test_wrong_labels_are_still_refused(owned_by: OwnedBy) -> None:
    session = await created(owned_by("nightly"))
    assert "at least one label" in (await session.set_labels({})).error_message
    assert "Label values" in (await session.set_labels({"a": " "})).error_message


async def test_a_session_of_others_is_not_taken(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    session = await created(owned_by(None), theirs="1")
    adopted = (await owned_by("nightly").get(session.session_id)).unwrap()
    await adopted.set_labels({"theirs": "2"})
    assert labels_of(service, session) == {"theirs": "2"}


async def test_leases_are_renewed_and_other_labels_kept(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    session = await created(owned_by("nightly", SHORT), mine="1")
    stranger = (await owned_by(None).get(session.session_id)).unwrap()
    first = int(labels_of(service, session)[ALIVE_UNTIL])
    await until(lambda: int(labels_of(service, session)[ALIVE_UNTIL]) > first + 1)
    assert labels_of(service, session)["mine"] == "1"
    # Somebody who knows nothing of owners takes the labels away: the next round repairs that.
    await stranger.set_labels({"theirs": "1"})
    await until(lambda: OWNER in labels_of(service, session))
    assert labels_of(service, session).keys() == {"theirs", *OURS}


async def test_setting_labels_during_renewals_loses_nothing(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    session = await created(owned_by("nightly", SHORT))
    number = 0
    while renewals(service, session) - number < 4:
        number += 1
        await session.set_labels({"number": str(number)})
        assert labels_of(service, session)["number"] == str(number)
    assert labels_of(service, session).keys() == {"number", *OURS}


async def test_the_deleted_and_the_lost_are_forgotten(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    bay = owned_by("nightly", SHORT)
    deleted, lost, kept = [await created(bay) for _ in range(3)]
    await deleted.delete()
    await (await owned_by(None).get(lost.session_id)).unwrap().delete()

    def asked(session: AsyncSession) -> int:
        return sum(one.session_id == session.session_id for one in service.named("GetLabel"))

    await until(lambda: renewals(service, kept) >= 3)
    assert (asked(deleted), asked(lost)) == (0, 1)


async def test_a_renewal_that_fails_is_logged_and_tried_again(
    owned_by: OwnedBy, service: RecordingServer, caplog: pytest.LogCaptureFixture
) -> None:
    busy = Refusal("Busy", "not now", 400)
    service.answer("GetLabel", busy, busy, Data({"Labels": "{}"}))
    session = await created(owned_by("nightly", SHORT))
    await until(lambda: renewals(service, session))
    assert service.counts["GetLabel"] == 3
    message = f"The lease of session {session.session_id} was not renewed: Busy: not now"
    assert caplog.text.count(message) == 2


async def test_closing_the_client_ends_the_renewals(
    owned_by: OwnedBy, service: RecordingServer
) -> None:
    closed, clock = owned_by("nightly", SHORT), owned_by("nightly", SHORT)
    left, renewed = await created(closed), await created(clock)
    await until(lambda: renewals(service, left))
    await closed.close()
    done, rounds = renewals(service, left), renewals(service, renewed)
    await until(lambda: renewals(service, renewed) >= rounds + 3)
    assert renewals(service, left) == done


async def test_between_two_rounds_there_is_no_task(service: RecordingServer) -> None:
    config = Config(endpoint=service.endpoint, owner="nightly")
    before = asyncio.all_tasks()
    async with AsyncAgentBay(service.api_key, config) as bay:
        await bay.create()
        # The server of this test has tasks as well: one for each connection.
        new = [task for task in asyncio.all_tasks() - before if "agentbay/_" in repr(task)]
        assert new == []


LOOPS = """
import asyncio, os, time
from agentbay import AsyncAgentBay, Config
from agentbay._wire.labels import ALIVE_UNTIL

config = Config(endpoint=os.environ["ENDPOINT"], owner="nightly", owner_lease=1)
bay = AsyncAgentBay(os.environ["KEY"], config)

async def lease(session):
    return int((await session.get_labels()).unwrap()[ALIVE_UNTIL])

async def create():
    return (await bay.create()).unwrap()

async def use(session):
    first, end = await lease(session), time.monotonic() + 20
    await session.command.execute_command("true")
    while await lease(session) <= first:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    print("renewed")
"""


async def in_child(service: RecordingServer, source: str) -> list[str]:
    env = {"ENDPOINT": service.endpoint, "KEY": service.api_key}
    flags = (*STRICT, "-W", "ignore:This process:DeprecationWarning")
    return await asyncio.to_thread(lines_of, LOOPS + source, flags=flags, env=env)


async def test_a_later_loop_takes_over(service: RecordingServer) -> None:
    source = "session = asyncio.run(create())\nasyncio.run(use(session))\n"
    assert await in_child(service, source) == ["renewed"]


async def test_a_loop_may_just_be_closed(service: RecordingServer) -> None:
    source = """
loop = asyncio.new_event_loop()
session = loop.run_until_complete(create())
loop.run_until_complete(use(session))
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
"""
    assert await in_child(service, source) == ["renewed"]


async def test_a_forked_child_renews_its_own_sessions_only(service: RecordingServer) -> None:
    source = """
session = asyncio.run(create())
pid = os.fork()
if pid == 0:
    own = asyncio.run(create())
    asyncio.run(use(own))
    print(session.session_id, own.session_id)
    os._exit(0)
os.waitpid(pid, 0)
"""
    lines = await in_child(service, source)
    assert lines[0] == "renewed"
    of_parent, of_child = lines[1].split()
    asked = {request.session_id for request in service.named("SetLabel")}
    assert asked == {of_child}
    processes = {service.sessions[name].labels[PROCESS] for name in (of_parent, of_child)}
    assert len(processes) == 2


async def test_a_forgotten_blocking_client_ends_with_the_program(service: RecordingServer) -> None:
    source = """
from agentbay import AgentBay
AgentBay(os.environ["KEY"], config).create().unwrap()
print("end")
"""
    assert await in_child(service, source) == ["end"]
    (left,) = service.sessions.values()
    assert left.labels[OWNER] == "nightly"
