"""Labels, links, pausing and everything else a session can be asked, on a real runtime."""

from __future__ import annotations

import secrets
import time

import aiohttp
import pytest

from agentbay import AsyncAgentBay, AsyncSession, CreateSessionParams, SessionError

# Listens before it goes to the background, so nobody has to wait for it.
SERVE = (
    "import http.server as h, os; s = h.HTTPServer(('127.0.0.1', 30150), "
    "h.SimpleHTTPRequestHandler); os.fork() and os._exit(0); s.serve_forever()"
)
CHANGES = [("pause", "resume"), ("pause_async", "resume_async"), ("beta_pause", "beta_resume")]


async def test_labels_are_replaced_and_found(bay: AsyncAgentBay) -> None:
    group = secrets.token_hex(8)
    async with bay.session(CreateSessionParams(labels={"group": group, "old": "1"})) as session:
        assert (await session.get_labels()).unwrap() == {"group": group, "old": "1"}
        changed = {"group": group, "név": "é"}
        result = await session.set_labels(changed)
        assert result.success
        assert result.request_id
        assert (await session.get_labels()).unwrap() == changed
        assert (await bay.list({"group": group, "old": "1"})).session_ids == []
        assert (await bay.list(changed)).session_ids == [session.session_id]


async def test_labels_and_links_of_a_deleted_session(session: AsyncSession) -> None:
    (await session.delete()).unwrap()
    with pytest.raises(SessionError, match=r"Failed to set labels for session .*NotFound"):
        await session.set_labels({"a": "b"})
    with pytest.raises(SessionError, match=r"Failed to get labels for session .*NotFound"):
        await session.get_labels()
    with pytest.raises(SessionError, match=r"Failed to get link: .*NotFound"):
        await session.get_link()
    assert "NotFound" in (await session.keep_alive()).error_message
    assert "NotFound" in (await session.pause()).error_message
    assert "NotFound" in (await session.resume()).error_message


async def test_list_all_goes_over_every_page(bay: AsyncAgentBay) -> None:
    group = {"group": secrets.token_hex(8)}
    params = CreateSessionParams(labels=group)
    async with bay.session(params) as a, bay.session(params) as b, bay.session(params) as c:
        listed = [item async for item in bay.list_all(group, limit=2)]
        assert listed == [c.session_id, b.session_id, a.session_id]
        assert [item["sessionStatus"] for item in listed] == ["RUNNING"] * 3
        assert [item async for item in bay.list_all(group, status="PAUSED")] == []
        some = bay.list_all(group, limit=1)
        assert await anext(some) == c.session_id
        await some.close()
        await some.close()
        assert [item async for item in some] == []
    with pytest.raises(SessionError, match="Invalid status 'ASLEEP'"):
        await anext(bay.list_all(status="ASLEEP"))


@pytest.mark.parametrize(("pause", "resume"), CHANGES)
async def test_pause_and_resume(
    bay: AsyncAgentBay, session: AsyncSession, pause: str, resume: str
) -> None:
    await session.file_system.write_file("note.txt", "kept")
    started = time.monotonic()
    for _ in range(2):  # what is paused already stays so
        paused = await getattr(session, pause)()
        assert (paused.success, paused.status) == (True, "PAUSED"), paused
        assert paused.request_id
    assert time.monotonic() - started < 5, "the wait follows the service, not the interval"
    assert (await session.get_status()).unwrap() == "PAUSED"
    assert (await bay.get_session(session.session_id)).unwrap().status == "PAUSED"
    refused = await session.call_mcp_tool("shell", {"command": "true", "timeout_ms": 5000})
    assert not refused.success
    assert "paused" in refused.error_message.lower()
    for _ in range(2):
        resumed = await getattr(session, resume)()
        assert (resumed.success, resumed.status) == (True, "RUNNING"), resumed
    assert (await session.file_system.read_file("note.txt")).content == "kept"


async def test_client_pauses_and_resumes(bay: AsyncAgentBay, session: AsyncSession) -> None:
    for pause, resume in CHANGES:
        assert (await getattr(bay, pause)(session)).status == "PAUSED"
        listed = [item async for item in bay.list_all(status="PAUSED")]
        assert session.session_id in listed
        assert (await getattr(bay, resume)(session)).status == "RUNNING"


async def test_paused_session_can_be_deleted(session: AsyncSession) -> None:
    (await session.pause()).unwrap()
    (await session.delete()).unwrap()


async def test_keep_alive(session: AsyncSession) -> None:
    result = await session.keep_alive()
    assert result.success
    assert result.request_id


async def test_metrics_are_measured(session: AsyncSession) -> None:
    metrics = (await session.get_metrics()).unwrap()
    assert metrics.cpu_count >= 1
    assert 0 < metrics.mem_used < metrics.mem_total
    assert 0 < metrics.disk_used < metrics.disk_total
    assert metrics.timestamp


async def test_links(session: AsyncSession) -> None:
    await session.file_system.write_file("index.html", f"page of {session.session_id}")
    (await session.command.execute_command(f'python3 -c "{SERVE}" >/dev/null 2>&1')).unwrap()
    for ask in (session.get_link, session.get_link_async):
        link = (await ask("https", 30150)).unwrap()
        assert link is not None
        async with aiohttp.ClientSession() as http, http.get(link) as answer:
            assert await answer.text() == f"page of {session.session_id}"
        link = (await ask("wss", 30150)).unwrap()
        assert link is not None
        assert link.startswith("ws")
    with pytest.raises(SessionError, match=r"Failed to get link: .*ProtocolType"):
        await session.get_link("gopher", 30150)


async def test_several_handles_on_one_session(bay: AsyncAgentBay, session: AsyncSession) -> None:
    other = (await bay.get(session.session_id)).unwrap()
    assert (await other.pause()).status == "PAUSED"
    assert (await session.get_status()).status == "PAUSED"
    assert (await session.resume()).status == "RUNNING"
    command = await other.command.execute_command("echo awake")
    assert command.stdout == "awake\n"
