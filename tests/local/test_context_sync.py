"""Contexts in sessions: how files get there and back, by every rule."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay.local import LocalRuntime
from agentbay.local.contexts import attached, transfers
from agentbay.local.contexts.entries import Kind
from agentbay.local.contexts.status import Board, Direction
from agentbay.local.states import EndReason, State
from tests.local.contexts import (
    ROOT,
    children,
    end,
    fetch,
    info,
    item,
    new_context,
    put,
    settled,
    start,
    succeeded,
    sync,
    upload,
)
from tests.local.wire import DEADLINE, Started, Wire, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

INVALID = (400, "InvalidParameter")
EVERYTHING = {"bwList": {"whiteLists": [{"path": "", "excludePaths": []}]}}

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

_numbers = itertools.count(1)


@pytest.fixture
async def context(wire: Wire) -> str:
    return await new_context(wire, f"sync-{next(_numbers)}")


@pytest.fixture
async def own() -> AsyncIterator[tuple[LocalRuntime, Wire]]:
    """A runtime whose insides the test looks at."""
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        yield runtime, wire


async def python(wire: Wire, session: Started, script: str) -> str:
    text = await wire.text(
        session,
        "shell",
        {"command": f"cd {ROOT} && python3 - <<'X'\n{script}\nX", "timeout_ms": 60_000},
    )
    result = json.loads(text)
    assert result["exit_code"] == 0, result
    return str(result["stdout"])


async def listing(wire: Wire, session: Started, path: str = ROOT) -> list[str]:
    """All names below a directory."""
    shown = await wire.shell(session, f"cd {path} && find . -mindepth 1 -printf '%P\\n' | sort")
    return shown.split()


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


async def test_deletions_are_mirrored_or_not(wire: Wire, context: str) -> None:
    await put(wire, context, f"{ROOT}/keep", b"1")
    await put(wire, context, f"{ROOT}/d/gone", b"2")
    await put(wire, context, "/tmp/elsewhere", b"3")
    merging = await start(wire, item(context, deletePolicy={"syncLocalFile": False}))
    await wire.shell(merging, f"cd {ROOT} && rm -r d && echo n > new && echo changed > keep")
    await end(wire, merging)
    assert await children(wire, context) == {"d": "FOLDER", "keep": "FILE", "new": "FILE"}
    assert await fetch(wire, context, f"{ROOT}/keep") == b"changed\n"
    mirroring = await start(wire, item(context))
    await wire.shell(mirroring, f"rm -r {ROOT}/d")
    await end(wire, mirroring)
    assert await children(wire, context) == {"keep": "FILE", "new": "FILE"}
    assert await fetch(wire, context, "/tmp/elsewhere") == b"3"


async def test_what_was_a_directory_can_become_a_file_and_back(wire: Wire, context: str) -> None:
    bound = item(context, deletePolicy={"syncLocalFile": False})
    session = await start(wire, bound)
    for command in ("mkdir x && echo 1 > x/y", "rm -r x && echo 2 > x", "rm x && mkdir x"):
        await wire.shell(session, f"cd {ROOT} && {command}")
        await upload(wire, session)
    assert await children(wire, context) == {"x": "FOLDER"}
    await end(wire, session)


async def test_nothing_is_uploaded_or_downloaded_unless_asked(wire: Wire, context: str) -> None:
    await put(wire, context, f"{ROOT}/old", b"1")
    rules = {"uploadPolicy": {"autoUpload": False}, "downloadPolicy": {"autoDownload": False}}
    session = await wire.create({"PersistenceDataList": json.dumps([item(context, **rules)])})
    assert await info(wire, session) == []
    await wire.shell(session, f"mkdir -p {ROOT} && echo 2 > {ROOT}/new")
    await end(wire, session)
    assert await children(wire, context) == {"old": "FILE"}
    session = await wire.create({"PersistenceDataList": json.dumps([item(context, **rules)])})
    await wire.shell(session, f"mkdir -p {ROOT} && echo 2 > {ROOT}/new")
    await upload(wire, session)
    # Never having had it, the session did not delete it.
    assert await children(wire, context) == {"new": "FILE", "old": "FILE"}
    await sync(wire, session, "download")
    await succeeded(wire, session)
    assert await listing(wire, session) == ["new", "old"]
    await end(wire, session)


@pytest.mark.parametrize(
    ("lists", "chosen"),
    [
        ([], {"a", "a/x", "a/y.log", "b", "b/z", "top"}),
        ([{"path": "/a"}], {"a", "a/x", "a/y.log"}),
        ([{"path": "a", "excludePaths": ["/a/y.log"]}, {"path": "top"}], {"a", "a/x", "top"}),
        ([{"path": "", "excludePaths": ["a", "top"]}], {"b", "b/z"}),
        ([{"path": r".*\.log|top", "isPathRegex": True}], {"a", "a/y.log", "top"}),
        (
            [{"path": "", "excludePaths": [r"/a/.*\.log", "b"], "isExcludeRegex": True}],
            {"a", "a/x", "top"},
        ),
    ],
)
async def test_white_lists_rule_both_ways(
    wire: Wire, context: str, lists: list[dict[str, object]], chosen: set[str]
) -> None:
    rules = {"bwList": {"whiteLists": lists}}
    session = await start(wire, item(context, **rules))
    await wire.shell(session, f"cd {ROOT} && mkdir a b && touch a/x a/y.log b/z top")
    await end(wire, session)
    everything = await start(wire, item(context))
    assert set(await listing(wire, everything)) == chosen
    await wire.shell(everything, f"cd {ROOT} && mkdir -p a b && touch a/x a/y.log b/z top")
    await end(wire, everything)
    again = await start(wire, item(context, **rules))
    assert set(await listing(wire, again)) == chosen
    # What the lists leave out is not missing in the session, so it is not deleted either.
    await wire.shell(again, f"cd {ROOT} && rm -rf ./*")
    await end(wire, again)
    left = await start(wire, item(context))
    names = set(await listing(wire, left))
    assert not {name for name in names & chosen if name not in ("a", "b")}
    assert names >= {"a", "a/x", "a/y.log", "b", "b/z", "top"} - chosen
    await end(wire, left)


async def test_archives_hold_directories_but_for_exceptions(own: tuple[LocalRuntime, Wire]) -> None:
    runtime, wire = own
    context = await new_context(wire, "c")
    rules = {"uploadPolicy": {"uploadMode": "Archive", "archiveExcludePaths": ["plain"]}}
    session = await start(wire, item(context, **rules))
    make = (
        "mkdir -p packed/deep plain && echo 1 > packed/deep/f && echo 2 > plain/g && echo 3 > top"
    )
    await wire.shell(session, f"cd {ROOT} && {make} && echo own > packed.tar.gz")
    await upload(wire, session)
    kinds = {
        found.key.decode().removeprefix(f"{ROOT}/"): found.kind
        for found in await runtime.contexts.store.objects(context, ROOT.encode())
    }
    assert kinds == {
        "packed.tar.gz": Kind.FILE,
        "packed.tar.gz_": Kind.ARCHIVE,
        "plain": Kind.DIRECTORY,
        "plain/g": Kind.FILE,
        "top": Kind.FILE,
    }
    before = await listing(wire, session)
    await end(wire, session)
    again = await start(wire, item(context, **rules))
    assert await listing(wire, again) == before
    assert await wire.shell(again, f"cat {ROOT}/packed/deep/f {ROOT}/packed.tar.gz") == "1\nown\n"
    await wire.shell(again, f"rm -r {ROOT}/packed")
    await end(wire, again)
    assert set(await children(wire, context)) == {"packed.tar.gz", "plain", "top"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ["d", "d/f"]),
        ({"extract": False}, ["d.tar.gz"]),
        ({"deleteSrcFile": False}, ["d", "d.tar.gz", "d/f"]),
        ({"extractToCurrentFolder": True}, ["f"]),
        ({"extractToCurrentFolder": True, "deleteSrcFile": False}, ["d.tar.gz", "f"]),
    ],
)
async def test_archives_are_unpacked_as_the_policy_says(
    wire: Wire, context: str, policy: dict[str, bool], expected: list[str]
) -> None:
    session = await start(wire, item(context, uploadPolicy={"uploadMode": "Archive"}))
    await wire.shell(session, f"mkdir {ROOT}/d && echo content > {ROOT}/d/f")
    await end(wire, session)
    again = await start(
        wire, item(context, extractPolicy=policy, uploadPolicy={"autoUpload": False})
    )
    assert await listing(wire, again) == expected
    if "d.tar.gz" in expected:
        shown = await wire.shell(
            again, f"tar -xzOf {ROOT}/d.tar.gz ./f || tar -xzOf {ROOT}/d.tar.gz f"
        )
        assert shown == "content\n"
    await end(wire, again)


@pytest.mark.parametrize("mapped", ["/data/app", "C:\\data\\app"])
async def test_a_mapping_names_another_place_in_the_context(
    wire: Wire, context: str, mapped: str
) -> None:
    key = "/data/app" if mapped.startswith("/") else "/C:/data/app"
    await put(wire, context, f"{key}/d/f", b"from there")
    session = await start(wire, item(context, mappingPolicy={"path": mapped}))
    assert await wire.shell(session, f"cat {ROOT}/d/f") == "from there"
    await wire.shell(session, f"echo 1 > {ROOT}/new")
    await upload(wire, session, ContextId=context, Path=f"{ROOT}/new")
    assert await fetch(wire, context, f"{key}/new") == b"1\n"
    await end(wire, session)
    assert await children(wire, context, key) == {"d": "FOLDER", "new": "FILE"}
    assert await children(wire, context, ROOT) == {}


async def test_old_objects_expire(tmp_path: Path) -> None:
    now = [1_800_000_000.0]

    def again() -> LocalRuntime:
        return LocalRuntime(network="none", data_dir=tmp_path, clock=lambda: now[0])

    async with again() as runtime, wire_to(runtime) as wire:
        context = await new_context(wire, "c")
        rules = {"lifecycle": "Lifecycle_3Days", "paths": ["cache"]}
        bound = item(context, deletePolicy={"syncLocalFile": False}, recyclePolicy=rules)
        session = await start(wire, bound)
        await wire.shell(session, f"cd {ROOT} && mkdir cache && touch cache/f kept")
        await end(wire, session)
        now[0] += 2 * 86400
        session = await start(wire, bound)
        assert await listing(wire, session) == ["cache", "cache/f", "kept"]
        await wire.shell(session, f"touch {ROOT}/cache/younger; rm -r {ROOT}/cache/f")
        await end(wire, session)
        now[0] += 86400
        session = await start(wire, item(context, recyclePolicy=rules))
        assert await listing(wire, session) == ["cache", "cache/younger", "kept"]
        await end(wire, session)
        now[0] += 3 * 86400
    async with again() as runtime, wire_to(runtime) as wire:
        assert await children(wire, context) == {"kept": "FILE"}


async def test_a_mount_is_a_copy_in_and_a_copy_out(
    wire: Wire, context: str, caplog: pytest.LogCaptureFixture
) -> None:
    await put(wire, context, "/sub/f", b"1")
    await put(wire, context, "/other", b"2")

    def mount(**config: str) -> dict[str, object]:
        return {"ContextId": context, "Path": ROOT, "Type": "mount", "MountConfig": config}

    session = await start(wire, mount(SourcePath="/sub"))
    assert "is not mounted" in caplog.text
    assert await listing(wire, session) == ["f"]
    await wire.shell(session, f"echo n > {ROOT}/new; rm {ROOT}/f")
    await end(wire, session)
    assert await children(wire, context, "/sub") == {"new": "FILE"}
    session = await start(wire, mount(AccessMode="readOnly"))
    assert await listing(wire, session) == ["other", "sub", "sub/new"]
    await wire.shell(session, f"rm -r {ROOT}/*")
    refused = await sync(wire, session, ContextId=context, Path=ROOT)
    assert refused.error == INVALID
    await end(wire, session)
    assert await children(wire, context, "/") == {"other": "FILE", "sub": "FOLDER"}


@pytest.mark.parametrize(
    ("bound", "problem"),
    [
        ({"Path": "relative"}, "absolute"),
        ({"Path": "/a/../b"}, "/a/../b"),
        ({"Path": "/"}, "Path"),
        ({"Policy": "{"}, "JSON"),
        ({"Policy": '{"uploadPolicy": {"uploadMode": "Zip"}}'}, "Zip"),
        ({"Policy": '{"recyclePolicy": {"lifecycle": "Lifecycle_2Days"}}'}, "Lifecycle_2Days"),
        ({"Policy": '{"bwList": {"whiteLists": [{"path": "*.txt"}]}}'}, "wildcard"),
        ({"Policy": '{"recyclePolicy": {"paths": ["a*"]}}'}, "wildcard"),
        ({"Policy": '{"bwList": {"whiteLists": [{"path": "(", "isPathRegex": true}]}}'}, "regular"),
        ({"Policy": '{"downloadPolicies": {}}'}, "downloadPolicies"),
        ({"Type": "copy"}, "mount"),
        ({"Type": "mount", "MountConfig": {"AccessMode": "writeOnly"}}, "AccessMode"),
    ],
)
async def test_bad_bindings_are_refused_before_there_is_a_session(
    wire: Wire, context: str, bound: dict[str, object], problem: str
) -> None:
    before = (await wire.action("ListSession", {})).body["TotalCount"]
    entry = {"ContextId": context, "Path": ROOT, **bound}
    answer = await wire.action("CreateMcpSession", {"PersistenceDataList": json.dumps([entry])})
    assert answer.error == INVALID
    assert problem in answer.message
    assert (await wire.action("ListSession", {})).body["TotalCount"] <= before


async def test_one_path_is_bound_once(wire: Wire, context: str, started: Started) -> None:
    other = await new_context(wire, f"sync-{next(_numbers)}")
    form = {"SessionId": started.id}
    bind = {**form, "PersistenceDataList": json.dumps([item(context)])}
    assert (await wire.action("BindContexts", bind)).status == 200
    twice = {**form, "PersistenceDataList": json.dumps([item(other, f"{ROOT}/")])}
    answer = await wire.action("BindContexts", twice)
    assert answer.error == (200, "PathAlreadyBound")
    assert ROOT in answer.message
    pair = json.dumps([item(context), item(other)])
    assert (await wire.action("CreateMcpSession", {"PersistenceDataList": pair})).error == (
        200,
        "PathAlreadyBound",
    )
    assert len((await wire.action("DescribeSessionContexts", form)).data) == 1


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


async def test_an_archive_is_unpacked_where_it_was_made(wire: Wire, context: str) -> None:
    session = await start(wire, item(context, uploadPolicy={"uploadMode": "Archive"}))
    await wire.shell(session, f"mkdir -p {ROOT}/d/e && echo content > {ROOT}/d/e/f")
    await end(wire, session)
    whole = {"ContextId": context, "Path": "/tmp/all", "Type": "mount"}
    mounted = await start(wire, whole)
    assert await wire.shell(mounted, f"cat /tmp/all{ROOT}/d/e/f") == "content\n"
    await wire.shell(mounted, f"echo changed > /tmp/all{ROOT}/d/e/f")
    await end(wire, mounted)
    again = await start(wire, item(context))
    assert await wire.shell(again, f"cat {ROOT}/d/e/f") == "changed\n"
    await end(wire, again)


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
