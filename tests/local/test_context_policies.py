"""Contexts in sessions: what each rule of a binding does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agentbay.local import LocalRuntime
from agentbay.local.contexts.entries import Kind
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
    start,
    succeeded,
    sync,
    upload,
)
from tests.local.wire import Started, Wire, wire_to

if TYPE_CHECKING:
    from pathlib import Path

INVALID = (400, "InvalidParameter")


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
    other = await new_context(wire, "bound-to-the-same-path")
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
