"""Contexts: created, found, renamed, emptied and deleted, and the files in them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay import AgentBayError, Context, ContextListParams
from tests.files import tree_of, write_random

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from agentbay import AsyncAgentBay

BIG = 3_000_017


def fresh_name() -> str:
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
async def context(bay: AsyncAgentBay) -> AsyncIterator[Context]:
    made = (await bay.context.create(fresh_name())).unwrap()
    yield made
    with anyio.CancelScope(shield=True):
        await bay.context.delete(made)


async def test_a_context_is_found_by_name_and_by_id(bay: AsyncAgentBay, context: Context) -> None:
    by_name = (await bay.context.get(context.name)).unwrap()
    by_id = (await bay.context.get(context_id=context.id)).unwrap()
    again = (await bay.context.create(context.name)).unwrap()
    assert by_name.id == by_id.id == again.id == context.id
    assert by_id.name == context.name
    assert context.created_at


async def test_an_unknown_context(bay: AsyncAgentBay) -> None:
    by_name = await bay.context.get(fresh_name())
    assert by_name.context is None
    with pytest.raises(AgentBayError):
        by_name.unwrap()
    by_id = await bay.context.get(context_id="SdkCtx-unknown")
    assert not by_id.success
    assert "NotFound" in by_id.error_message
    missing = Context("SdkCtx-unknown", "n")
    for change in (bay.context.update, bay.context.delete):
        with pytest.raises(AgentBayError, match="NotFound"):
            (await change(missing)).unwrap()


async def test_rename(bay: AsyncAgentBay, context: Context) -> None:
    old, context.name = context.name, fresh_name()
    renamed = await bay.context.update(context)
    assert (renamed.success, renamed.data) == (True, True)
    assert (await bay.context.get(context_id=context.id)).unwrap().name == context.name
    assert (await bay.context.get(old)).context is None


async def test_a_name_that_is_taken(bay: AsyncAgentBay, context: Context) -> None:
    other = (await bay.context.create(fresh_name())).unwrap()
    taken = Context(other.id, context.name)
    with pytest.raises(AgentBayError):
        (await bay.context.update(taken)).unwrap()
    assert (await bay.context.get(context.name)).unwrap().id == context.id
    assert (await bay.context.delete(other)).unwrap()


async def test_listing_goes_over_all_pages(bay: AsyncAgentBay) -> None:
    made = [(await bay.context.create(fresh_name())).unwrap() for _ in range(5)]
    wanted = {context.id for context in made}
    listed = [context.id async for context in bay.context.list_all(limit=2)]
    assert wanted <= set(listed)
    assert len(listed) == len(set(listed))
    page = await bay.context.list(ContextListParams(max_results=2))
    assert len(page.contexts) == 2
    assert page.next_token
    assert (page.total_count or 0) >= 5
    for context in made:
        assert await bay.context.delete(context)
    assert not wanted & {context.id async for context in bay.context.list_all()}


async def test_files_of_a_context(bay: AsyncAgentBay, context: Context, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "er" / "target"
    content = write_random(source, BIG)
    seen: list[int] = []
    sent = await bay.context.upload_file(
        context.id, str(source), "/data/in/é \U0001f600.bin", progress_cb=seen.append
    )
    assert (sent.success, sent.bytes_sent, sent.http_status) == (True, BIG, 200), sent
    assert sent.etag
    assert seen == sorted(seen)
    assert seen[-1] == BIG
    seen.clear()
    got = await bay.context.download_file(
        context.id, "/data/in/é \U0001f600.bin", str(target), progress_cb=seen.append
    )
    assert (got.success, got.bytes_received, got.http_status) == (True, BIG, 200), got
    assert seen[-1] == BIG
    assert target.read_bytes() == content
    (entry,) = (await bay.context.list_files(context.id, "/data/in")).unwrap()
    assert (entry.file_name, entry.size, entry.file_type) == ("é \U0001f600.bin", BIG, "FILE")
    (folder,) = (await bay.context.list_files(context.id, "/data")).unwrap()
    assert (folder.file_name, folder.file_type) == ("in", "FOLDER")


async def test_pages_of_files(bay: AsyncAgentBay, context: Context, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    paths = [f"/many/file-{number}" for number in range(5)]
    for path in paths:
        assert await bay.context.upload_file(context.id, str(source), path)
    listed = [file.file_path async for file in bay.context.list_all_files(context.id, "/many", 2)]
    assert sorted(listed) == paths
    second = await bay.context.list_files(context.id, "/many", 2, 2)
    assert [len(second.entries), second.count] == [2, 5]


async def test_a_deleted_file_is_gone(bay: AsyncAgentBay, context: Context, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    assert await bay.context.upload_file(context.id, str(source), "/a")
    assert await bay.context.delete_file(context.id, "/a")
    assert (await bay.context.list_files(context.id, "/")).entries == []
    got = await bay.context.download_file(context.id, "/a", str(tmp_path / "target"))
    assert not got.success
    assert list(tree_of(tmp_path)) == [b"source"]


async def test_clear_empties_a_context(
    bay: AsyncAgentBay, context: Context, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    assert await bay.context.upload_file(context.id, str(source), "/a/b")
    cleared = await bay.context.clear(context.id, timeout=30)
    assert (cleared.success, cleared.status, cleared.context_id) == (True, "available", context.id)
    assert (await bay.context.list_files(context.id, "/")).entries == []


async def test_what_cannot_be_uploaded(
    bay: AsyncAgentBay, context: Context, tmp_path: Path
) -> None:
    missing = await bay.context.upload_file(context.id, str(tmp_path / "no"), "/a")
    assert missing.error_message == f"Local file not found: {tmp_path / 'no'}"
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for path in ("", "/a/../b", "/" + "n" * 2000):
        refused = await bay.context.upload_file(context.id, str(source), path)
        assert refused.error_message.startswith("get_file_upload_url failed: "), path
    assert (await bay.context.list_files(context.id, "/")).entries == []


async def test_an_existing_file_is_kept_when_asked(
    bay: AsyncAgentBay, context: Context, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    assert await bay.context.upload_file(context.id, str(source), "/a")
    kept = await bay.context.download_file(context.id, "/a", str(target), overwrite=False)
    assert kept.error_message == f"Destination exists and overwrite=False: {target}"
    assert target.read_bytes() == b"old"
    assert await bay.context.download_file(context.id, "/a", str(target))
    assert target.read_bytes() == b"new"
    into = await bay.context.download_file(context.id, "/a", str(tmp_path))
    assert into.error_message == f"Download exception: {tmp_path} is a directory"
