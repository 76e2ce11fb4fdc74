"""Contexts in sessions: how files get there and back."""

from __future__ import annotations

import asyncio
import json

import anyio
import pytest

from agentbay.local import LocalRuntime
from agentbay.local.contexts import transfers
from agentbay.local.contexts.status import Board, Direction
from agentbay.local.states import State
from tests.local.contexts import (
    ROOT,
    children,
    end,
    fetch,
    info,
    item,
    listing,
    new_context,
    put,
    python,
    settled,
    start,
    succeeded,
    sync,
)
from tests.local.wire import DEADLINE, Started, Wire

EVERYTHING = {"bwList": {"whiteLists": [{"path": "", "excludePaths": []}]}}
INVALID = (400, "InvalidParameter")

# A tree with all that file systems allow; the second tells whether two are the same.
MAKE_TREE = r"""
import os
names = [b'plain', b'with blank', b'line\nbreak', b'-rf', 'ünï-💾'.encode(), b'not-utf8-\xff']
for number in range(COUNT):
    folder = b'd%d' % (number % 40)
    os.makedirs(folder, exist_ok=True)
    path = folder + b'/%d-' % number + names[number % len(names)]
    with open(path, 'wb') as file:
        file.write(os.urandom(number % 97 + 1) * (1 + number % 5))
    os.chmod(path, (0o644, 0o600, 0o755, 0o400, 0o000)[number % 5])
    os.utime(path, ns=(10**18 + number, 10**18 + number * 1001))
    if number % 10 == 0:
        os.symlink(b'../' + path, folder + b'/link-%d' % number)
with open('big', 'wb') as file:
    file.write(os.urandom(5_000_000))
os.mkdir('empty')
os.mkdir('closed', 0o700)
open('closed/inside', 'w').close()
os.chmod('closed', 0o500)
os.symlink('/nowhere', 'dangling')
"""
DESCRIBE_TREE = r"""
import hashlib, os, stat
digest, count = hashlib.sha256(), 0
for folder, folders, files in os.walk(b'.'):
    folders.sort()
    for name in sorted(files + folders):
        path = os.path.join(folder, name)
        status = os.lstat(path)
        facts = [path, stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)]
        if stat.S_ISLNK(status.st_mode):
            facts.append(os.readlink(path))
        elif stat.S_ISREG(status.st_mode):
            if not status.st_mode & 0o400:
                os.chmod(path, 0o600)
            facts += [open(path, 'rb').read(), status.st_mtime_ns]
            os.chmod(path, stat.S_IMODE(status.st_mode))
        digest.update(repr(facts).encode())
        count += 1
print(count, digest.hexdigest())
"""


@pytest.mark.parametrize(("mode", "files"), [("File", 2000), ("Archive", 500)])
async def test_a_new_session_sees_the_identical_tree(
    wire: Wire, context: str, mode: str, files: int
) -> None:
    bound = item(context, uploadPolicy={"uploadMode": mode})
    first = await start(wire, bound)
    await python(wire, first, MAKE_TREE.replace("COUNT", str(files)))
    before = await python(wire, first, DESCRIBE_TREE)
    await end(wire, first)
    second = await start(wire, bound)
    assert await python(wire, second, DESCRIBE_TREE) == before
    assert int(before.split()[0]) > files * 1.1
    await end(wire, second)


async def test_a_second_session_finds_what_the_first_left(wire: Wire, context: str) -> None:
    first = await start(wire, item(context))
    await wire.shell(first, f"echo 1 > {ROOT}/f")
    assert await children(wire, context) == {}
    await end(wire, first)
    assert await children(wire, context) == {"f": "FILE"}
    second = await start(wire, item(context))
    assert await wire.shell(second, f"cat {ROOT}/f") == "1\n"
    await end(wire, second)


async def test_the_session_tells_what_is_bound(wire: Wire, context: str) -> None:
    session = await start(wire, item(context, f"{ROOT}/", **EVERYTHING))
    data = (await wire.action("GetSession", {"SessionId": session.id})).data
    assert [entry["id"] for entry in data["contexts"]] == [context]
    form = {"SessionId": session.id}
    (bound,) = (await wire.action("DescribeSessionContexts", form)).data
    assert (bound["ContextId"], bound["Path"]) == (context, f"{ROOT}/")
    assert json.loads(bound["Policy"]) == EVERYTHING
    assert bound["ContextName"] == data["contexts"][0]["name"]
    (task,) = await info(wire, session)
    assert task["path"] == f"{ROOT}/"
    assert task["taskType"] == "download"
    assert 0 < task["startTime"] <= task["finishTime"]
    for filters in ({"Path": ROOT}, {"ContextId": context}, {"TaskType": "download"}):
        assert len(await info(wire, session, **filters)) == 1
    for filters in ({"Path": "/tmp"}, {"ContextId": "other"}, {"TaskType": "upload"}):
        assert await info(wire, session, **filters) == []
    await end(wire, session)


async def test_binding_to_a_running_session_brings_the_files(
    wire: Wire, context: str, started: Started
) -> None:
    await put(wire, context, f"{ROOT}/f", b"1")
    form = {"SessionId": started.id, "PersistenceDataList": json.dumps([item(context)])}
    assert (await wire.action("BindContexts", form)).status == 200
    (task,) = await succeeded(wire, started)
    assert (task["contextId"], task["taskType"]) == (context, "download")
    assert await wire.shell(started, f"cat {ROOT}/f; echo 2 > {ROOT}/g") == "1"
    await end(wire, started)
    assert await children(wire, context) == {"f": "FILE", "g": "FILE"}


async def test_one_file_or_directory_of_a_binding_is_transferred(wire: Wire, context: str) -> None:
    session = await start(wire, item(context))
    await wire.shell(session, f"cd {ROOT} && mkdir -p d/e && echo 1 > d/e/f && echo 2 > g")
    for _ in range(2):  # some clients send it twice
        answer = await sync(wire, session, ContextId=context, Path=f"{ROOT}/d")
        assert answer.status == 200
    items = await succeeded(wire, session, Path=f"{ROOT}/d", TaskType="upload")
    assert [found["path"] for found in items] == [f"{ROOT}/d"]
    assert await children(wire, context) == {"d": "FOLDER"}
    await wire.shell(session, f"rm -r {ROOT}/d")
    await sync(wire, session, "download", ContextId=context, Path=f"{ROOT}/d/e/f")
    await succeeded(wire, session)
    assert await listing(wire, session) == ["d", "d/e", "d/e/f", "g"]
    for mode in ("upload", "download"):
        await sync(wire, session, mode, ContextId=context, Path=f"{ROOT}/missing")
        (task,) = await settled(wire, session, Path=f"{ROOT}/missing", TaskType=mode)
        assert task["status"] == "Failed"
        assert "missing" in task["errorMessage"]
    unbound = await sync(wire, session, ContextId=context, Path="/tmp/unbound")
    assert unbound.error == INVALID
    assert (await sync(wire, session, "sideways")).error == INVALID
    await end(wire, session)


async def test_a_transfer_is_known_when_its_reply_leaves(wire: Wire, context: str) -> None:
    session = await start(wire, item(context))
    for mode in ("upload", "download"):
        await sync(wire, session, mode)
        assert len(await info(wire, session, TaskType=mode)) == 1
    await end(wire, session)


async def test_an_unchanged_session_does_not_undo_the_work_of_another(
    wire: Wire, context: str
) -> None:
    await put(wire, context, f"{ROOT}/f", b"old")
    reader, writer = await start(wire, item(context)), await start(wire, item(context))
    await wire.shell(writer, f"echo new > {ROOT}/f; echo 1 > {ROOT}/g")
    await end(wire, writer)
    await end(wire, reader)
    assert await fetch(wire, context, f"{ROOT}/f") == b"new\n"
    assert await children(wire, context) == {"f": "FILE", "g": "FILE"}


async def test_of_two_sessions_the_last_wins_whole(wire: Wire, context: str) -> None:
    sessions = [await start(wire, item(context)) for _ in range(3)]
    for number, session in enumerate(sessions):
        await wire.shell(session, f"cd {ROOT}; for i in $(seq 300); do echo {number} > f$i; done")
    await asyncio.gather(*(end(wire, session) for session in sessions))
    last = await start(wire, item(context))
    shown = await wire.shell(last, f"cat {ROOT}/* | sort -u; ls {ROOT} | wc -l")
    assert shown in {f"{number}\n300\n" for number in range(3)}
    await end(wire, last)


async def test_what_the_user_writes_during_the_download_is_kept(wire: Wire, context: str) -> None:
    for number in range(3):
        await put(wire, context, f"{ROOT}/f{number}", bytes(3_000_000))
    bound = {"PersistenceDataList": json.dumps([item(context)])}
    session = await wire.create(bound)
    await wire.shell(session, f"mkdir -p {ROOT}; echo 1 > {ROOT}/mine")
    await end(wire, session)
    assert set(await children(wire, context)) == {"f0", "f1", "f2", "mine"}


async def test_the_context_for_file_transfer_is_the_sessions_own(
    own: tuple[LocalRuntime, Wire],
) -> None:
    runtime, wire = own
    session = await wire.create()
    form = {"SessionId": session.id, "ContextTypes.1": "file_transfer"}
    (first,) = (await wire.action("GetAndLoadInternalContext", form)).data
    (second,) = (await wire.action("GetAndLoadInternalContext", form)).data
    assert first == second
    assert (first["ContextPath"], first["ContextType"]) == ("/tmp/file-transfer", "file_transfer")
    assert (await wire.action("ListContexts", {})).data == []
    listed = (await wire.action("ListContexts", {"ContextType": "file_transfer"})).data
    assert [entry["Id"] for entry in listed] == [first["ContextId"]]
    context = first["ContextId"]
    path = "/home/wuying/new folder/ünï.bin"
    await put(wire, context, path, b"from outside")
    answer = await sync(wire, session, "download", ContextId=context, Path=path)
    assert answer.status == 200
    (task,) = await succeeded(wire, session, ContextId=context, Path=path, TaskType="download")
    assert task["path"] == path
    assert await wire.shell(session, f"cat '{path}'; echo changed > '{path}'") == "from outside"
    await sync(wire, session, "upload", ContextId=context, Path=path)
    await succeeded(wire, session, ContextId=context, Path=path)
    assert await fetch(wire, context, path) == b"changed\n"
    shared = {"SessionId": session.id, "PersistenceDataList": json.dumps([item(context)])}
    assert (await wire.action("BindContexts", shared)).error == (404, "InvalidContext.NotFound")
    bad = await sync(wire, session, "upload", ContextId=context, Path="relative/../up")
    assert bad.error == INVALID
    await sync(wire, session, "upload", ContextId=context, Path="/home/wuying/new folder")
    await succeeded(wire, session, Path="/home/wuying/new folder")
    await end(wire, session)
    assert (await wire.action("ListContexts", {"ContextType": "file_transfer"})).data == []
    assert list(runtime.contexts.packs.folder.iterdir()) == []
    unknown = {"SessionId": session.id, "ContextTypes.1": "file_transfer"}
    assert (await wire.action("GetAndLoadInternalContext", unknown)).status == 400


def test_finished_transfers_are_not_all_kept() -> None:
    board = Board()
    for number in range(3000):
        board.post("c", f"/f{number}", Direction.UPLOAD).finish()
    assert len(board.items(None, None, None)) <= 1001


async def test_a_transfer_waits_while_its_session_is_paused(
    own: tuple[LocalRuntime, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "_TICK_SECONDS", 0.05)
    monkeypatch.setattr(transfers, "_STALL_SECONDS", 1.0)
    runtime, wire = own
    context = await new_context(wire, "c")
    session = await start(wire, item(context))
    await wire.shell(session, f"cd {ROOT}; truncate -s 200M big")
    live = runtime.sessions.get(session.id)
    await sync(wire, session)
    await wire.action("PauseSessionAsync", {"SessionId": session.id})
    with anyio.fail_after(DEADLINE):
        while live.state is not State.PAUSED:  # noqa: ASYNC110 - no event tells
            await anyio.sleep(0.01)
    (before,) = await info(wire, session, TaskType="upload")
    assert before["status"] == "Running"
    await anyio.sleep(1.5)  # longer than a session that runs may stand still
    (paused,) = await info(wire, session, TaskType="upload")
    assert paused["status"] == "Running"
    await wire.action("ResumeSessionAsync", {"SessionId": session.id})
    await succeeded(wire, session)
    await end(wire, session)


async def test_a_transfer_that_stands_still_fails(
    own: tuple[LocalRuntime, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "_TICK_SECONDS", 0.05)
    monkeypatch.setattr(transfers, "_STALL_SECONDS", 0.3)
    runtime, wire = own
    context = await new_context(wire, "c")
    session = await start(wire, item(context, uploadPolicy={"autoUpload": False}))
    await wire.shell(session, f"cd {ROOT}; truncate -s 200M big")
    live = runtime.sessions.get(session.id)
    await sync(wire, session)
    await live.sandbox.freeze()
    (task,) = await settled(wire, session, TaskType="upload")
    assert task["status"] == "Failed"
    assert "did not move" in task["errorMessage"]
    await live.sandbox.thaw()
    assert await children(wire, context) == {}
    assert list(runtime.contexts.packs.folder.iterdir()) == []
    await end(wire, session)
