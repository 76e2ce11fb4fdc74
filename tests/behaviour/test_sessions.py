"""The life of a session, on both surfaces."""

from __future__ import annotations

import secrets

import anyio
import pytest

from agentbay import (
    AgentBayError,
    AsyncAgentBay,
    AsyncSession,
    Config,
    CreateSessionParams,
    LifecyclePolicy,
    SessionError,
    SessionStatus,
)
from agentbay.local.runtime import LocalRuntime
from tests.conftest import ConnectFunction


async def test_created_session_has_what_the_service_said(bay: AsyncAgentBay) -> None:
    result = await bay.create(CreateSessionParams(image_id="linux_latest"))
    assert result
    assert result.request_id
    session = result.unwrap()
    assert session.session_id.startswith("s-")
    assert session.image_id == "linux_latest"
    assert session.token
    assert session.link_url
    assert {"shell", "read_file", "write_file"} <= {tool.name for tool in session.mcp_tools}
    assert session.agent_bay == bay
    assert (await session.delete()).success


async def test_create_without_parameters_uses_the_default_image(bay: AsyncAgentBay) -> None:
    session = (await bay.create()).unwrap()
    assert (await session.command.execute_command("id -un")).stdout == "wuying\n"
    assert (await bay.delete(session)).success


async def test_deleted_session_is_gone(bay: AsyncAgentBay) -> None:
    session = (await bay.create()).unwrap()
    (await session.delete()).unwrap()
    assert (await session.get_status()).status in ("FINISH", "")
    found = await bay.get(session.session_id)
    assert not found
    assert f"Session {session.session_id} not found" in found.error_message
    assert found.error_message.startswith(f"Failed to get session {session.session_id}: ")
    refused = await session.command.execute_command("true")
    assert not refused.success
    assert refused.error_message


async def test_deleting_twice_succeeds(session: AsyncSession) -> None:
    assert (await session.delete()).success
    assert (await session.delete()).success


async def test_get_attaches_to_a_running_session(bay: AsyncAgentBay, session: AsyncSession) -> None:
    await session.file_system.write_file("note.txt", "here")
    other = (await bay.get(session.session_id)).unwrap()
    assert other.session_id == session.session_id
    assert (await other.file_system.read_file("note.txt")).content == "here"


@pytest.mark.parametrize("session_id", ["", "   "])
async def test_get_needs_an_id(bay: AsyncAgentBay, session_id: str) -> None:
    result = await bay.get(session_id)
    assert result.error_message == "session_id is required"
    with pytest.raises(SessionError, match="session_id is required"):
        result.unwrap()


async def test_list_finds_by_labels_newest_first(bay: AsyncAgentBay) -> None:
    group = secrets.token_hex(8)
    made = []
    async with (
        bay.session(CreateSessionParams(labels={"group": group, "n": "1"})) as first,
        bay.session(CreateSessionParams(labels={"group": group, "n": "2"})) as second,
    ):
        made = [second.session_id, first.session_id]
        listed = await bay.list({"group": group})
        assert listed.unwrap() == made
        assert listed.total_count == 2
        item = listed.session_ids[0]
        assert item["sessionStatus"] == item.status == "RUNNING"
        assert item.get("nothing") is None
        only_first = await bay.list({"group": group, "n": "1"})
        assert only_first.session_ids == [first.session_id]
        running = await bay.list({"group": group}, status=SessionStatus.RUNNING)
        assert running.session_ids == made
        assert (await bay.list({"group": group}, status="PAUSED")).session_ids == []
    assert (await bay.list({"group": group}, status="RUNNING")).session_ids == []


async def test_list_walks_pages(bay: AsyncAgentBay) -> None:
    group = secrets.token_hex(8)
    params = CreateSessionParams(labels={"group": group})
    async with bay.session(params) as a, bay.session(params) as b, bay.session(params) as c:
        first = await bay.list({"group": group}, limit=2)
        assert first.session_ids == [c.session_id, b.session_id]
        assert first.next_token
        assert (first.max_results, first.total_count) == (2, 3)
        second = await bay.list({"group": group}, page=2, limit=2)
        assert second.session_ids == [a.session_id]
        assert second.next_token == ""
        third = await bay.list({"group": group}, page=3, limit=2)
        assert third.error_message == "Cannot reach page 3: No more pages available"
        assert third.total_count == 3


async def test_list_refuses_what_it_cannot_do(bay: AsyncAgentBay) -> None:
    unknown = await bay.list(status="ASLEEP")
    assert unknown.error_message == (
        "Invalid status 'ASLEEP'. Must be one of: "
        "RUNNING, PAUSING, PAUSED, RESUMING, DELETING, DELETED"
    )
    zero = await bay.list(page=0)
    assert zero.error_message == "Cannot reach page 0: Page number must be >= 1"


async def test_scope_deletes_after_an_error(bay: AsyncAgentBay) -> None:
    entered: list[str] = []

    async def fail() -> None:
        async with bay.session() as session:
            entered.append(session.session_id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not (await bay.get(entered[0])).success


async def test_scope_deletes_when_cancelled(bay: AsyncAgentBay) -> None:
    entered: list[str] = []
    async with anyio.create_task_group() as group:

        async def use() -> None:
            async with bay.session() as session:
                entered.append(session.session_id)
                group.cancel_scope.cancel()
                await anyio.sleep_forever()

        group.start_soon(use)
    assert not (await bay.get(entered[0])).success


async def test_scope_raises_what_create_could_not_do(bay: AsyncAgentBay) -> None:
    with pytest.raises(AgentBayError, match="no_such_image"):
        async with bay.session(CreateSessionParams(image_id="no_such_image")):
            pytest.fail("the block was entered")


async def test_info_describes_the_session(session: AsyncSession) -> None:
    info = (await session.info()).unwrap()
    assert info is not None
    assert info.session_id == session.session_id


async def test_info_of_a_deleted_session(session: AsyncSession) -> None:
    await session.delete()
    info = await session.info()
    assert not info
    assert info.error_message == f"Session {session.session_id} not found"


async def test_lifecycle_parameters_are_accepted(bay: AsyncAgentBay) -> None:
    for params in (
        CreateSessionParams(idle_release_timeout=60),
        CreateSessionParams(lifecycle_policy=LifecyclePolicy(5, 10)),
        CreateSessionParams(lifecycle_policy=LifecyclePolicy(manual_release=True)),
    ):
        async with bay.session(params) as session:
            assert (await session.get_status()).unwrap() == "RUNNING"


async def test_handles_are_stable(session: AsyncSession) -> None:
    assert session.command == session.command
    assert session.fs == session.file_system == session.files == session.filesystem
    assert session.command.session == session


async def test_repr_shows_no_secret(bay: AsyncAgentBay, session: AsyncSession) -> None:
    shown = f"{bay!r} {session!r} {await session.info()!r} {await bay.get(session.session_id)!r}"
    assert session.token not in shown
    assert bay.api_key not in shown
    assert session.session_id in shown


async def test_closed_client_says_so(connect: ConnectFunction, runtime: LocalRuntime) -> None:
    bay = connect(runtime.api_key, Config(endpoint=runtime.endpoint))
    await bay.close()
    await bay.close()
    result = await bay.create()
    assert not result
    assert "was closed" in result.error_message


async def test_many_sessions_at_once(bay: AsyncAgentBay) -> None:
    outputs: dict[str, str] = {}

    async def work(number: int) -> None:
        async with bay.session() as session:
            result = await session.command.execute_command(f"echo {number}; hostname")
            outputs[session.session_id] = result.stdout

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(work, number)
    assert len(outputs) == 8
    assert sorted(out.split()[0] for out in outputs.values()) == [str(n) for n in range(8)]
