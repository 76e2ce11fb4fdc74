"""Contexts in sessions: what is stored when a session ends, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay.local import LocalRuntime
from agentbay.local.contexts import attached
from agentbay.local.states import EndReason
from tests.local.contexts import (
    ROOT,
    children,
    end,
    fetch,
    item,
    listing,
    new_context,
    put,
    start,
    sync,
)
from tests.local.wire import DEADLINE, Wire, wire_to

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_paused_session_stores_its_files_at_its_end(wire: Wire, context: str) -> None:
    session = await start(wire, item(context))
    await wire.shell(session, f"echo 1 > {ROOT}/f")
    await wire.action("PauseSessionAsync", {"SessionId": session.id})
    refused = await sync(wire, session)
    assert refused.error == (400, "InvalidSessionState")
    await end(wire, session)
    assert await children(wire, context) == {"f": "FILE"}


async def test_an_idle_session_stores_its_files_at_its_end(own: tuple[LocalRuntime, Wire]) -> None:
    runtime, wire = own
    context = await new_context(wire, "c")
    form = {"PersistenceDataList": json.dumps([item(context)]), "Timeout": "1"}
    session = await wire.create(form)
    await wire.shell(session, f"mkdir -p {ROOT}; echo 1 > {ROOT}/f")
    with anyio.fail_after(DEADLINE):
        await runtime.sessions.get(session.id).ended.wait()
    assert await children(wire, context) == {"f": "FILE"}


async def test_contexts_survive_the_runtime(tmp_path: Path) -> None:
    async with LocalRuntime(network="none", data_dir=tmp_path) as runtime, wire_to(runtime) as wire:
        context = await new_context(wire, "c")
        session = await start(wire, item(context))
        await wire.shell(session, f"echo 1 > {ROOT}/f")
    async with LocalRuntime(network="none", data_dir=tmp_path) as runtime, wire_to(runtime) as wire:
        assert await new_context(wire, "c") == context
        assert await fetch(wire, context, f"{ROOT}/f") == b"1\n"
        session = await start(wire, item(context))
        assert await listing(wire, session) == ["f"]


async def test_a_session_that_dies_leaves_the_version_before(
    own: tuple[LocalRuntime, Wire],
) -> None:
    runtime, wire = own
    context = await new_context(wire, "c")
    await put(wire, context, f"{ROOT}/f", b"before")
    session = await start(wire, item(context))
    await wire.shell(session, f"cd {ROOT}; echo after > f; head -c 100000000 /dev/zero > big")
    live = runtime.sessions.get(session.id)
    await sync(wire, session)
    await live.sandbox.close()
    with anyio.fail_after(DEADLINE):
        await live.ended.wait()
    (task,) = live.contexts.board.items(None, None, "upload")
    assert task.status in ("Failed", "Success")
    if task.status == "Failed":
        assert await fetch(wire, context, f"{ROOT}/f") == b"before"
    else:
        assert await fetch(wire, context, f"{ROOT}/f") == b"after\n"
    packs = {path.name for path in runtime.contexts.packs.folder.iterdir()}
    assert packs == await runtime.contexts.store.packs() - {""}


async def test_a_session_deleted_during_a_transfer_completes_it(wire: Wire, context: str) -> None:
    session = await start(wire, item(context, uploadPolicy={"autoUpload": False}))
    await wire.shell(session, f"cd {ROOT}; head -c 50000000 /dev/zero > big")
    await sync(wire, session)
    await end(wire, session)
    assert await children(wire, context) == {"big": "FILE"}


async def test_a_session_that_cannot_be_stored_in_time_ends_all_the_same(
    own: tuple[LocalRuntime, Wire],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(attached, "RELEASE_SECONDS", 1.0)
    _, wire = own
    context = await new_context(wire, "c")
    await put(wire, context, f"{ROOT}/f", b"before")
    forever = r"(a|a)*b"
    lists = {"bwList": {"whiteLists": [{"path": forever, "isPathRegex": True}, {"path": "f"}]}}
    session = await start(wire, item(context, **lists))
    await wire.shell(session, f"cd {ROOT}; echo after > f; touch {'a' * 60}")
    with anyio.fail_after(DEADLINE):
        await end(wire, session)
    assert "were not stored within" in caplog.text
    assert await fetch(wire, context, f"{ROOT}/f") == b"before"
    # The runtime never waits for such an expression itself.
    other = await start(wire, item(context))
    await end(wire, other)


async def test_nothing_is_bound_to_a_session_that_ends(own: tuple[LocalRuntime, Wire]) -> None:
    runtime, wire = own
    context = await new_context(wire, "c")
    session = await wire.create()
    live = runtime.sessions.get(session.id)
    await live.contexts.release(upload=False)
    form = {"SessionId": session.id, "PersistenceDataList": json.dumps([item(context)])}
    assert (await wire.action("BindContexts", form)).error == (400, "InvalidSessionState")
    form = {"SessionId": session.id, "ContextTypes.1": "file_transfer"}
    answer = await wire.action("GetAndLoadInternalContext", form)
    assert answer.error == (400, "InvalidSessionState")
    assert (await wire.action("ListContexts", {"ContextType": "file_transfer"})).data == []
    assert (await wire.action("DeleteContext", {"Id": context})).status == 200
    await end(wire, session)


async def test_a_creator_that_is_gone_leaves_its_contexts_alone(
    own: tuple[LocalRuntime, Wire],
) -> None:
    runtime, wire = own
    context = await new_context(wire, "c")
    await put(wire, context, f"{ROOT}/f", b"before")
    session = await start(wire, item(context))
    await wire.shell(session, f"echo after > {ROOT}/f")
    live = runtime.sessions.get(session.id)
    runtime.sessions.begin_end(live, EndReason.UNDELIVERED)
    with anyio.fail_after(DEADLINE):
        await live.ended.wait()
    assert await fetch(wire, context, f"{ROOT}/f") == b"before"
    assert (await wire.action("DeleteContext", {"Id": context})).status == 200
