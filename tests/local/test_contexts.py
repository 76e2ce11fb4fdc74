"""Contexts by name, and what they hold, without any session."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay.errors import ServiceError
from agentbay.local import LocalRuntime
from agentbay.local.contexts import http as routes
from agentbay.local.contexts.signing import Signer
from tests.local.contexts import children, end, fetch, item, new_context, put, start, url
from tests.local.wire import DEADLINE, Wire, connection_to, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOT_FOUND = (404, "InvalidContext.NotFound")
INVALID = (400, "InvalidParameter")

_numbers = itertools.count(1)


def fresh() -> str:
    return f"contexts-{next(_numbers)}"


@pytest.fixture
async def context(wire: Wire) -> str:
    return await new_context(wire, fresh())


async def test_a_context_is_created_once_and_found_by_name_and_id(wire: Wire) -> None:
    name = fresh()
    assert (await wire.action("GetContext", {"Name": name})).error == NOT_FOUND
    form = {"Name": name, "AllowCreate": "True", "LoginRegionId": "cn-shanghai"}
    made = [(await wire.action("GetContext", form)).data for _ in range(2)]
    assert made[0] == made[1]
    assert made[0]["Id"].startswith("SdkCtx-")
    assert (made[0]["Name"], made[0]["State"]) == (name, "available")
    by_id = (await wire.action("GetContext", {"ContextId": made[0]["Id"]})).data
    assert by_id == made[0]


async def test_one_name_created_at_the_same_time_is_one_context(wire: Wire) -> None:
    name = fresh()
    assert len(set(await asyncio.gather(*(new_context(wire, name) for _ in range(10))))) == 1


@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("GetContext", {"ContextId": "SdkCtx-none"}),
        ("ModifyContext", {"Id": "SdkCtx-none", "Name": "n"}),
        ("DeleteContext", {"Id": "SdkCtx-none"}),
        ("ClearContext", {"Id": "SdkCtx-none"}),
        ("GetContextFileUploadUrl", {"ContextId": "SdkCtx-none", "FilePath": "/a"}),
        ("GetContextFileDownloadUrl", {"ContextId": "SdkCtx-none", "FilePath": "/a"}),
        ("DeleteContextFile", {"ContextId": "SdkCtx-none", "FilePath": "/a"}),
        ("DescribeContextFiles", {"ContextId": "SdkCtx-none", "ParentFolderPath": "/"}),
        (
            "CreateMcpSession",
            {"PersistenceDataList": '[{"ContextId": "SdkCtx-none", "Path": "/tmp/x"}]'},
        ),
    ],
)
async def test_an_unknown_context_is_not_found(
    wire: Wire, action: str, form: dict[str, str]
) -> None:
    answer = await wire.action(action, form)
    assert answer.error == NOT_FOUND
    assert "SdkCtx-none" in answer.message


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 256])
async def test_a_bad_name_is_refused(wire: Wire, name: str) -> None:
    answer = await wire.action("GetContext", {"Name": name, "AllowCreate": "True"})
    assert answer.status == 400


async def test_renaming(wire: Wire, context: str) -> None:
    other, name = fresh(), fresh()
    await new_context(wire, other)
    taken = await wire.action("ModifyContext", {"Id": context, "Name": other})
    assert taken.error == INVALID
    assert other in taken.message
    assert (await wire.action("ModifyContext", {"Id": context, "Name": name})).status == 200
    assert (await wire.action("GetContext", {"Name": name})).data["Id"] == context


async def test_pages_of_contexts_are_newest_first_and_complete() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        made = [await new_context(wire, f"c{number}") for number in range(7)]
        found, token = [], ""
        while True:
            form = {"MaxResults": "3", **({"NextToken": token} if token else {})}
            answer = await wire.action("ListContexts", form)
            assert answer.body["TotalCount"] == 7
            found += [entry["Id"] for entry in answer.data]
            token = answer.body["NextToken"]
            if not token:
                break
        assert found == made[::-1]
        assert (await wire.action("ListContexts", {"NextToken": "?"})).error == INVALID
        assert (await wire.action("ListContexts", {"MaxResults": "0"})).error == INVALID


async def test_deleting_takes_everything_along() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        context = await new_context(wire, "c")
        await put(wire, context, "/a/b", b"content")
        packs = runtime.contexts.packs.folder
        assert len(list(packs.iterdir())) == 1
        link = await url(wire, context, "/a/b")
        assert (await wire.action("DeleteContext", {"Id": context})).status == 200
        assert list(packs.iterdir()) == []
        assert (await wire.action("GetContext", {"Name": "c"})).error == NOT_FOUND
        async with wire.http.get(link) as response:
            assert response.status == 404
        assert await new_context(wire, "c") != context


async def test_a_context_in_use_is_not_deleted(wire: Wire, context: str) -> None:
    session = await start(wire, item(context))
    data = (await wire.action("GetContext", {"ContextId": context})).data
    assert data["State"] == "in-use"
    refused = await wire.action("DeleteContext", {"Id": context})
    assert refused.error == (409, "ContextInUse")
    listed = (await wire.action("ListContexts", {"SessionId": session.id})).data
    assert [entry["Id"] for entry in listed] == [context]
    await end(wire, session)
    assert (await wire.action("DeleteContext", {"Id": context})).status == 200


async def test_clearing_leaves_an_empty_context(wire: Wire, context: str) -> None:
    for number in range(3):
        await put(wire, context, f"/d{number}/f", b"x")
    assert (await wire.action("ClearContext", {"Id": context})).status == 200
    with anyio.fail_after(DEADLINE):
        while True:
            data = (await wire.action("GetContext", {"ContextId": context})).data
            if data["State"] == "available":
                break
            assert data["State"] == "clearing"
    assert await children(wire, context, "/") == {}


async def test_folders_are_made_of_keys(wire: Wire, context: str) -> None:
    for path in ("/a/b/c", "/a/b/d", "/a!", "/a/e", "/z", "f"):
        await put(wire, context, path, b"12345")
    assert await children(wire, context, "/") == {
        "a": "FOLDER",
        "a!": "FILE",
        "f": "FILE",
        "z": "FILE",
    }
    assert await children(wire, context, "") == await children(wire, context, "/")
    assert await children(wire, context, "/a/") == {"b": "FOLDER", "e": "FILE"}
    assert await children(wire, context, "/a/b") == {"c": "FILE", "d": "FILE"}
    assert await children(wire, context, "/nothing") == {}
    form = {"ContextId": context, "ParentFolderPath": "/a"}
    entry = (await wire.action("DescribeContextFiles", form)).data[1]
    assert (entry["FilePath"], entry["Size"]) == ("/a/e", 5)
    assert entry["FileId"]
    assert entry["GmtModified"].endswith("Z")


async def test_both_ways_of_paging_give_every_file_once(wire: Wire, context: str) -> None:
    names = [f"f{number:02}" for number in range(7)]
    for name in names:
        await put(wire, context, f"/d/{name}", b"")
    form = {"ContextId": context, "ParentFolderPath": "/d"}
    by_number = []
    for number in (1, 2, 3, 4):
        page = {"PageNumber": str(number), "PageSize": "3"}
        answer = await wire.action("DescribeContextFiles", {**form, **page})
        assert answer.body["Count"] == 7
        by_number += [entry["FileName"] for entry in answer.data]
    assert by_number == names
    by_token, query = [], {"MaxResults": "3"}
    while True:
        answer = await wire.action("DescribeContextFiles", form, query=query)
        by_token += [entry["FileName"] for entry in answer.data]
        if not answer.body["NextToken"]:
            break
        query = {"MaxResults": "3", "NextToken": answer.body["NextToken"]}
    assert by_token == names
    for bad in ({"PageNumber": "0"}, {"PageSize": "-1"}):
        assert (await wire.action("DescribeContextFiles", {**form, **bad})).error == INVALID


async def test_deleting_a_file_and_a_folder(wire: Wire, context: str) -> None:
    for path in ("/a/b", "/a/c/d", "/e"):
        await put(wire, context, path, b"x")
    for path, left in (("/a/b", {"a", "e"}), ("/a", {"e"}), ("/e", set())):
        form = {"ContextId": context, "FilePath": path}
        assert (await wire.action("DeleteContextFile", form)).status == 200
        assert (await wire.action("DeleteContextFile", form)).error == (
            404,
            "InvalidContextFile.NotFound",
        )
        assert set(await children(wire, context, "/")) == left


@pytest.mark.parametrize(
    "path",
    ["", "/", "/..", "/a/../b", "../x", "/a/./b", "/a\0b", "/" + "x" * 1024, "/" + "y" * 256],
)
async def test_a_bad_key_is_refused(wire: Wire, context: str, path: str) -> None:
    for action in ("GetContextFileUploadUrl", "GetContextFileDownloadUrl", "DeleteContextFile"):
        answer = await wire.action(action, {"ContextId": context, "FilePath": path})
        assert answer.error == INVALID, (action, answer.body)


async def test_a_file_is_never_a_folder(wire: Wire, context: str) -> None:
    await put(wire, context, "/a/b", b"x")
    for path in ("/a", "/a/b/c"):
        link = await url(wire, context, path, "Upload")
        async with wire.http.put(link, data=b"y") as response:
            assert response.status == 400
            assert (await response.json())["Code"] == "InvalidParameter"
    assert await fetch(wire, context, "/a/b") == b"x"


@pytest.mark.parametrize(
    "path", ["/tmp/plain.bin", "/with blank/ünï-💾?#%41&=+.txt", "/a'b\"c\\d", "C:\\Users\\x.txt"]
)
async def test_any_content_comes_back_under_any_name(wire: Wire, context: str, path: str) -> None:
    content = bytes(range(256)) * 5000
    etag = await put(wire, context, path, content)
    async with wire.http.get(await url(wire, context, path)) as response:
        assert response.status == 200
        assert response.headers["ETag"] == etag
        assert await response.read() == content
    assert await put(wire, context, path, b"") != etag
    assert await fetch(wire, context, path) == b""


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=-100", 206, b"0123456789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=9-2", 416, None),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
async def test_ranges(
    wire: Wire, context: str, asked: str, status: int, expected: bytes | None
) -> None:
    etag = await put(wire, context, "/f", b"0123456789")
    link = await url(wire, context, "/f")
    async with wire.http.get(link, headers={"Range": asked}) as response:
        assert response.status == status
        if expected is not None:
            assert await response.read() == expected
        else:
            assert (await response.json())["Code"] == "InvalidRange"
    async with wire.http.get(link, headers={"Range": asked, "If-Range": '"other"'}) as response:
        assert (response.status, await response.read()) == (200, b"0123456789")
    async with wire.http.head(link) as response:
        assert (response.status, response.headers["Content-Length"]) == (200, "10")
        assert response.headers["ETag"] == etag


async def test_only_what_was_signed_is_allowed(wire: Wire, context: str) -> None:
    await put(wire, context, "/f", b"x")
    get, upload = await url(wire, context, "/f"), await url(wire, context, "/f", "Upload")
    assert wire.api_key not in get
    forged = {
        get.replace("/f?", "/g?"): 403,
        get.replace("Signature=", "Signature=0"): 403,
        get.replace("Expires=", "Expires=9"): 403,
        get.split("?", maxsplit=1)[0]: 403,
        get.replace(context, "SdkCtx-other"): 403,
        get + "%00": 403,
    }
    for link, status in forged.items():
        async with wire.http.get(link) as response:
            assert (response.status, (await response.json())["Code"]) == (
                status,
                "InvalidSignature",
            ), link
    for method, link in (("PUT", get), ("DELETE", get), ("POST", upload), ("GET", upload)):
        async with wire.http.request(method, link) as response:
            assert response.status == 405, (method, link)
    missing = await url(wire, context, "/missing")
    async with wire.http.get(missing) as response:
        assert (response.status, (await response.json())["Success"]) == (404, False)


def test_a_url_expires() -> None:
    now = [1000.0]
    signer = Signer(b"key", lambda: now[0])
    path, _, query = signer.sign("GET", "SdkCtx-1", b"/a b").partition("?")
    fields = dict(pair.split("=") for pair in query.split("&"))
    assert signer.check("GET", path, fields) == ("SdkCtx-1", b"/a b")
    now[0] += 3601
    with pytest.raises(ServiceError, match="expired") as caught:
        signer.check("GET", path, fields)
    assert caught.value.http_status == 403
    assert b"key" not in repr(signer).encode()


async def test_a_file_that_is_too_large_is_refused(
    wire: Wire, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(wire, context, "/f", b"before")
    link = await url(wire, context, "/f", "Upload")
    path = link.removeprefix(wire.endpoint)
    with connection_to(wire.endpoint) as sock:
        size = 5 * 1024**3 + 1
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost:{sock.getpeername()[1]}\r\n"
        sock.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        answer = await anyio.to_thread.run_sync(sock.recv, 4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    monkeypatch.setattr(routes, "MAX_OBJECT_BYTES", 100_000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50_000

    async with wire.http.put(link, data=chunks()) as response:
        assert response.status == 413
        assert (await response.json())["Code"] == "FileTooLarge"
    assert await fetch(wire, context, "/f") == b"before"


async def test_an_upload_that_breaks_off_changes_nothing() -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        context = await new_context(wire, "c")
        await put(wire, context, "/f", b"before")
        path = (await url(wire, context, "/f", "Upload")).removeprefix(wire.endpoint)
        packs = runtime.contexts.packs.folder
        with connection_to(wire.endpoint) as sock:
            head = f"PUT {path} HTTP/1.1\r\nHost: localhost:{sock.getpeername()[1]}\r\n"
            sock.sendall(f"{head}Content-Length: 9000000\r\n\r\n".encode() + b"x" * 3_000_000)
            with anyio.fail_after(DEADLINE):
                while len(list(packs.iterdir())) < 2:  # noqa: ASYNC110 - no event tells
                    await anyio.sleep(0.005)
        with anyio.fail_after(DEADLINE):
            while len(list(packs.iterdir())) > 1:  # noqa: ASYNC110 - the same
                await anyio.sleep(0.005)
        assert await fetch(wire, context, "/f") == b"before"


async def test_the_last_of_many_writers_wins_whole(wire: Wire, context: str) -> None:
    contents = [bytes([number]) * 300_000 for number in range(8)]
    await asyncio.gather(*(put(wire, context, "/f", content) for content in contents))
    assert await fetch(wire, context, "/f") in contents
    link = await url(wire, context, "/f")
    async with wire.http.get(link) as response:
        begin = await response.content.readexactly(1)
        await put(wire, context, "/f", b"newer")
        assert begin + await response.read() in contents
    assert await fetch(wire, context, "/f") == b"newer"
