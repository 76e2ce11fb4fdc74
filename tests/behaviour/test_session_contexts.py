"""What a session keeps in its contexts, and finds there."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from agentbay import (
    AgentBay,
    AgentBayError,
    AsyncExtensionsService,
    Config,
    Context,
    ContextSync,
    CreateSessionParams,
    DownloadPolicy,
    ExtensionsService,
    SyncPolicy,
    UploadPolicy,
)
from tests.children import lines_of
from tests.surfaces import Lift, lifted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from agentbay import AsyncAgentBay, AsyncSession
    from agentbay.local.runtime import LocalRuntime

DATA = "/home/wuying/data"
MANUAL = SyncPolicy(upload_policy=UploadPolicy(auto_upload=False))


@pytest.fixture
async def context(bay: AsyncAgentBay) -> AsyncIterator[Context]:
    made = (await bay.context.create(f"test-{uuid.uuid4().hex}")).unwrap()
    yield made
    with anyio.CancelScope(shield=True):
        await bay.context.delete(made)


def bound(context: Context, policy: SyncPolicy | None = None) -> CreateSessionParams:
    return CreateSessionParams(context_syncs=[ContextSync(context.id, DATA, policy)])


async def content(session: AsyncSession, path: str = f"{DATA}/f") -> str:
    read = await session.file_system.read_text(path)
    return read.content if read.success else read.error_message


async def content_next_time(bay: AsyncAgentBay, context: Context) -> str:
    async with bay.session(bound(context, MANUAL)) as session:
        return await content(session)


@pytest.mark.parametrize("policy", [None, MANUAL], ids=["automatic", "manual"])
async def test_delete_with_sync_keeps_the_data(
    bay: AsyncAgentBay, context: Context, policy: SyncPolicy | None
) -> None:
    session = (await bay.create(bound(context, policy))).unwrap()
    assert await session.file_system.write_file(f"{DATA}/f", "kept")
    deleted = await session.delete(sync_context=True)
    assert deleted.success, deleted
    assert await content_next_time(bay, context) == "kept"


async def test_without_sync_a_manual_context_stays_as_it_was(
    bay: AsyncAgentBay, context: Context
) -> None:
    session = (await bay.create(bound(context, MANUAL))).unwrap()
    assert await session.file_system.write_file(f"{DATA}/f", "first")
    assert await bay.delete(session, sync_context=True)
    session = (await bay.create(bound(context, MANUAL))).unwrap()
    assert await content(session) == "first"
    assert await session.file_system.write_file(f"{DATA}/f", "second")
    assert await session.delete()
    assert await content_next_time(bay, context) == "first"


async def test_sync_in_both_directions(bay: AsyncAgentBay, context: Context) -> None:
    async with (
        bay.session(bound(context, MANUAL)) as giver,
        bay.session(bound(context, MANUAL)) as taker,
    ):
        for text in ("one", "two"):
            assert await giver.file_system.write_file(f"{DATA}/f", text)
            assert await giver.context.sync(context.id, DATA, "upload")
            assert await taker.context.sync(mode="download")
            assert await content(taker) == text
        uploads = await giver.context.info(context.id, DATA, "upload")
        (task,) = uploads.context_status_data
        assert (task.context_id, task.path, task.status) == (context.id, DATA, "Success")
        assert task.finish_time >= task.start_time > 0
        assert (await giver.context.info("SdkCtx-other")).context_status_data == []


async def test_sync_tells_its_callback(bay: AsyncAgentBay, context: Context) -> None:
    told: list[bool] = []
    async with bay.session(bound(context, MANUAL)) as session:
        assert await session.file_system.write_file(f"{DATA}/f", "told")
        loop, done = asyncio.get_running_loop(), anyio.Event()

        def callback(went_well: bool) -> None:
            told.append(went_well)
            loop.call_soon_threadsafe(done.set)

        assert await session.context.sync(callback=callback)
        with anyio.fail_after(20):
            await done.wait()
    assert told == [True]
    assert await content_next_time(bay, context) == "told"


async def test_a_context_is_bound_to_a_running_session(
    bay: AsyncAgentBay, context: Context, session: AsyncSession
) -> None:
    async with bay.session(bound(context)) as first:
        assert await first.file_system.write_file(f"{DATA}/f", "arrived")
        assert await first.context.sync()
    late = SyncPolicy(download_policy=DownloadPolicy(auto_download=False))
    result = await session.context.bind(
        ContextSync(context.id, DATA), ContextSync(context.id, "/home/wuying/late", late)
    )
    assert result.success, result
    assert await content(session) == "arrived"
    bindings = (await session.context.list_bindings()).unwrap()
    assert {(binding.context_id, binding.path) for binding in bindings} == {
        (context.id, DATA),
        (context.id, "/home/wuying/late"),
    }
    assert {binding.context_name for binding in bindings} == {context.name}
    again = await session.context.bind(ContextSync(context.id, DATA))
    assert not again.success
    assert again.error_message.startswith("[PathAlreadyBound] ")


async def test_an_unknown_context_is_refused(bay: AsyncAgentBay, session: AsyncSession) -> None:
    unknown = Context("SdkCtx-unknown", "n")
    created = await bay.create(bound(unknown))
    assert not created.success
    assert "NotFound" in created.error_message
    with pytest.raises(AgentBayError, match="NotFound"):
        (await session.context.bind(ContextSync(unknown.id, DATA))).unwrap()


@pytest.mark.filterwarnings("ignore::agentbay.BlockingCallWarning")
async def test_blocking_delete_with_sync_inside_a_running_loop(runtime: LocalRuntime) -> None:
    bay = AgentBay(runtime.api_key, Config(endpoint=runtime.endpoint))
    context = bay.context.create(f"test-{uuid.uuid4().hex}").unwrap()
    session = bay.create(bound(context, MANUAL)).unwrap()
    session.file_system.write_file(f"{DATA}/f", "kept").unwrap()
    result = session.context.sync()
    assert await result is result
    session.file_system.write_file(f"{DATA}/f", "kept later").unwrap()
    assert session.delete(sync_context=True).success
    again = bay.create(bound(context, MANUAL)).unwrap()
    assert again.file_system.read_text(f"{DATA}/f").content == "kept later"
    assert again.delete().success
    assert bay.context.delete(context)
    bay.close()


EXITING = """
from agentbay import AgentBay, Config

bay = AgentBay({key!r}, Config(endpoint={endpoint!r}))
session = bay.get({session_id!r}).unwrap()
begun = session.context.sync(callback=lambda went_well: print("told"), retry_interval=60_000)
print("begun", begun.success)
"""


async def test_a_program_may_exit_meanwhile(runtime: LocalRuntime, session: AsyncSession) -> None:
    script = EXITING.format(
        key=runtime.api_key, endpoint=runtime.endpoint, session_id=session.session_id
    )
    lines = await anyio.to_thread.run_sync(lines_of, script)
    # Whether the callback is still called is a race; that the exit is a quiet one is not.
    assert lines in (["begun True"], ["begun True", "told"], ["told", "begun True"])


def service_of(bay: AsyncAgentBay, name: str = "") -> AsyncExtensionsService:
    if isinstance(bay, Lift):
        made: AsyncExtensionsService = lifted(
            ExtensionsService(cast("AgentBay", bay._blocking), name)
        )
        return made
    return AsyncExtensionsService(bay, name)


async def test_extensions(bay: AsyncAgentBay, tmp_path: Path) -> None:
    package = tmp_path / "helper.zip"
    package.write_bytes(b"PK one")
    extensions = service_of(bay)
    assert (extensions.context_id, extensions.auto_created) == (None, None)
    assert await extensions.cleanup()
    assert await extensions.list() == []
    assert extensions.auto_created
    assert (extensions.context_name or "").startswith("extensions-")
    made = await extensions.create(str(package))
    assert made.name == "helper.zip"
    assert made.id.startswith("ext_")
    assert [found.id for found in await extensions.list()] == [made.id]
    package.write_bytes(b"PK two")
    assert (await extensions.update(made.id, str(package))).id == made.id
    option = await extensions.create_extension_option([made.id])
    assert (option.context_id, option.extension_ids) == (extensions.context_id, [made.id])
    target = tmp_path / "target"
    path = f"/tmp/extensions/{made.id}"
    assert await bay.context.download_file(option.context_id, path, str(target))
    assert target.read_bytes() == b"PK two"
    assert await extensions.delete(made.id)
    assert await extensions.list() == []
    assert await extensions.cleanup()
    assert not (await bay.context.get(context_id=option.context_id)).success


async def test_a_named_context_of_extensions_is_kept(
    bay: AsyncAgentBay, context: Context, tmp_path: Path
) -> None:
    extensions = service_of(bay, context.name)
    assert await extensions.list() == []
    assert (extensions.context_id, extensions.auto_created) == (context.id, False)
    assert await extensions.cleanup()
    assert (await bay.context.get(context_id=context.id)).success
    missing, other = tmp_path / "no.zip", tmp_path / "other.tar"
    other.write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match=r"^The specified local file was not found: "):
        await extensions.create(str(missing))
    with pytest.raises(
        ValueError,
        match=r"^Unsupported plugin format '\.tar'\. Only ZIP format \(\.zip\) is supported\.$",
    ):
        await extensions.create(str(other))
    with pytest.raises(FileNotFoundError, match=r"^The specified new local file was not found: "):
        await extensions.update("ext_1.zip", str(missing))
    with pytest.raises(
        ValueError, match=r"^Browser extension with ID 'ext_1\.zip' not found in the context\. Can"
    ):
        await extensions.update("ext_1.zip", str(other))
    with pytest.raises(ValueError, match=r"^extension_ids cannot be empty$"):
        await extensions.create_extension_option([])
