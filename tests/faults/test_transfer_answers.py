"""What file transfers make of each answer of service and storage: the exact words."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import anyio
import pytest

from agentbay import AsyncAgentBay, AsyncFileTransfer, Config, FileError, TransportError
from tests.faults.test_context_answers import (
    FAULT,
    FAULT_TEXT,
    REFUSED,
    STARTED,
    actions,
    data,
    task,
    tasks,
)
from tests.faults.test_session_answers import CREATED, fault, ok
from tests.files import tree_of
from tests.servers import ONCE, Answer, ScriptedServer, Then, http
from tests.surfaces import callback_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from agentbay import AsyncSession
    from tests.conftest import ConnectFunction

INTERNAL = data([{"ContextId": ""}, {"ContextId": "c-1", "ContextPath": "/tmp/file-transfer"}])
REMOTE = "/tmp/file-transfer/a"
CONTENT = b"content" * 1000
STORED = Answer(http(b"", 200, ETag='"e-1"'), Then.KEEP)


def arrived(status: str = "Success", kind: str = "download", **more: object) -> Answer:
    return tasks(task(status, kind, **{"path": REMOTE, **more}))


@contextlib.asynccontextmanager
async def transferring(
    connect: ConnectFunction, storage: Sequence[Answer], *answers: Answer | None
) -> AsyncIterator[tuple[AsyncSession, ScriptedServer, ScriptedServer]]:
    """A session whose service answers by script; None stands for the URL of the storage."""
    async with ScriptedServer(storage).running() as store:
        url = data({"Url": f"{store.endpoint}/object?sig=secret", "ExpireTime": 3600})
        script = [ok(CREATED), *[url if answer is None else answer for answer in answers]]
        async with (
            ScriptedServer(script).running() as api,
            connect(
                "akm-secret", Config(endpoint=api.endpoint, timeout_ms=5000, retry=ONCE)
            ) as bay,
        ):
            yield (await bay.create()).unwrap(), api, store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


UPLOADS: Mapping[str, tuple[Sequence[Answer], Sequence[Answer | None], str]] = {
    "no-context": ([STORED], [ok(REFUSED)], "try later"),
    "context-without-data": ([STORED], [data([])], "Response contains no data"),
    "context-fault": ([STORED], [fault(FAULT)], FAULT_TEXT),
    "no-url": (
        [STORED],
        [INTERNAL, ok(REFUSED)],
        "get_file_upload_url failed: Busy: try later (HTTP 200, request id r-no)",
    ),
    "storage-refuses": (
        [Answer(http(b"no", 403))],
        [INTERNAL, None],
        "Upload failed with HTTP 403",
    ),
    "sync-refused": (
        [STORED],
        [INTERNAL, None, ok(REFUSED)],
        "session.context.sync(upload) failed: Busy: try later (HTTP 200, request id r-no)",
    ),
    "task-failed": (
        [STORED],
        [INTERNAL, None, ok(STARTED), arrived("Failed", errorMessage="no room")],
        "Upload sync not finished: Task error: no room",
    ),
    "task-failed-silently": (
        [STORED],
        [INTERNAL, None, ok(STARTED), arrived("Failed")],
        "Upload sync not finished: Task error: Failed",
    ),
    "task-not-finished": (
        [STORED],
        [INTERNAL, None, ok(STARTED), arrived("Running")],
        "Upload sync not finished: task not finished",
    ),
    "other-tasks-only": (
        [STORED],
        [INTERNAL, None, ok(STARTED), arrived(kind="upload")],
        "Upload sync not finished: timeout",
    ),
    "info-fails": (
        [STORED],
        [INTERNAL, None, ok(STARTED), fault(FAULT)],
        f"Upload sync not finished: info error: {FAULT_TEXT}",
    ),
}


@pytest.mark.parametrize("name", UPLOADS)
async def test_upload_that_fails(connect: ConnectFunction, name: str, source: Path) -> None:
    storage, answers, message = UPLOADS[name]
    async with transferring(connect, storage, *answers) as (session, _, _):
        result = await session.file_system.upload_file(
            str(source), REMOTE, wait_timeout=0.1, poll_interval=0.02
        )
    assert (result.success, result.error_message, result.error) == (False, message, message)
    with pytest.raises(Exception, match=r".") as caught:
        result.unwrap()
    assert type(caught.value).__module__ == "agentbay.errors"


@pytest.mark.parametrize("status", ["Success", "ok", "FINISHED", "done", "Completed"])
async def test_upload_that_succeeds(connect: ConnectFunction, status: str, source: Path) -> None:
    answers = (INTERNAL, None, ok(STARTED), arrived("Running"), arrived(status))
    async with transferring(connect, [STORED], *answers) as (session, api, store):
        result = await session.file_system.upload_file(str(source), REMOTE, poll_interval=0.02)
        assert result.success, result
    assert (result.http_status, result.etag, result.bytes_sent) == (200, '"e-1"', len(CONTENT))
    assert (result.request_id_upload_url, result.request_id_sync) == ("r-1", "r-start")
    assert result.unwrap() == REMOTE
    asked = ["GetContextFileUploadUrl", "SyncContext", "GetContextInfo", "GetContextInfo"]
    assert actions(api)[2:] == asked
    (put,) = store.requests
    head, _, body = put.partition(b"\r\n\r\n")
    assert body == CONTENT
    fields = head.decode().lower()
    assert fields.startswith("put /object?sig=secret")
    assert f"content-length: {len(CONTENT)}" in fields
    for absent in ("content-type", "authorization", "akm-secret", "transfer-encoding"):
        assert absent not in fields


async def test_a_given_type_is_sent_and_waiting_is_optional(
    connect: ConnectFunction, source: Path
) -> None:
    answers = (INTERNAL, None, ok(STARTED))
    async with transferring(connect, [STORED], *answers) as (session, api, store):
        assert await session.file_system.upload_file(
            str(source), REMOTE, content_type="text/x-odd", wait=False
        )
    assert actions(api)[-1] == "SyncContext"
    assert b"Content-Type: text/x-odd\r\n" in store.requests[0]


async def test_an_upload_follows_redirects_with_its_body(
    connect: ConnectFunction, source: Path
) -> None:
    moved = Answer(http(b"", 307, Location="/elsewhere"), Then.KEEP)
    answers = (INTERNAL, None, ok(STARTED), arrived())
    async with transferring(connect, [moved, STORED], *answers) as (session, _, store):
        assert await session.file_system.upload_file(str(source), REMOTE)
    first, second = store.requests
    assert first.startswith(b"PUT /object?")
    assert second.startswith(b"PUT /elsewhere ")
    assert second.endswith(b"\r\n\r\n" + CONTENT)


async def test_redirects_can_be_refused_and_do_not_go_on_forever(source: Path) -> None:
    moved = Answer(http(b"", 307, Location="/elsewhere"), Then.KEEP)
    answers = (INTERNAL, None, None)
    async with transferring(AsyncAgentBay, [moved], *answers) as (session, _, store):
        strict = AsyncFileTransfer(session.agent_bay, session, follow_redirects=False)
        refused = await strict.upload(str(source), REMOTE)
        assert refused.error_message == "Upload failed with HTTP 307"
        assert len(store.requests) == 1
        lost = await session.agent_bay.context.upload_file("c-1", str(source), REMOTE)
        assert lost.error_message == "Upload exception: More than 10 redirects"


async def test_an_upload_that_stands_still_ends(source: Path) -> None:
    storage = [Answer(b"", Then.HANG)]
    async with transferring(AsyncAgentBay, storage, INTERNAL, None) as (session, _, _):
        impatient = AsyncFileTransfer(session.agent_bay, session, http_timeout=0.2)
        with anyio.fail_after(10):
            result = await impatient.upload(str(source), REMOTE)
    text = "Upload exception: Nothing moved between here and 127.0.0.1 for 0.2 s"
    assert result.error_message == text
    assert isinstance(result.exception, TransportError)


async def test_a_broken_connection_is_a_failed_upload(
    connect: ConnectFunction, source: Path
) -> None:
    storage = [Answer(b"", Then.RESET)]
    async with transferring(connect, storage, INTERNAL, None) as (session, _, _):
        result = await session.file_system.upload_file(str(source), REMOTE)
    # Which of the two it is depends on the version of aiohttp.
    where = r"(The connection to )?http://127\.0\.0\.1:\d+ (failed|closed the connection)"
    assert re.match(f"Upload exception: {where}", result.error_message)
    assert isinstance(result.exception, TransportError)
    assert "secret" not in repr(result)


async def test_progress_is_told_to_the_end(connect: ConnectFunction, source: Path) -> None:
    """Also when the storage, which needs no more than the bytes, answers sooner than it is told."""
    told: list[int] = []

    async def slow(size: int) -> None:
        await anyio.sleep(0.2)
        told.append(size)

    answers = (INTERNAL, None, ok(STARTED), arrived())
    async with transferring(connect, [STORED], *answers) as (session, _, _):
        callback = callback_for(session.agent_bay, slow)
        sent = await session.file_system.upload_file(str(source), REMOTE, progress_cb=callback)
    assert sent.success, sent
    assert told == [sent.bytes_sent] == [len(CONTENT)]


async def test_an_error_of_a_progress_callback_is_the_callers(source: Path) -> None:
    def callback(_: int) -> None:
        raise ZeroDivisionError

    answers = (INTERNAL, None, ok(STARTED), arrived(kind="upload"), None)
    whole = Answer(http(CONTENT), Then.KEEP)
    async with transferring(AsyncAgentBay, [STORED, whole], *answers) as (session, _, _):
        with pytest.raises(ZeroDivisionError):
            await session.file_system.upload_file(str(source), REMOTE, progress_cb=callback)
        with pytest.raises(ZeroDivisionError):
            await session.file_system.download_file(
                REMOTE, str(source.parent / "target"), progress_cb=callback
            )
    assert list(tree_of(source.parent)) == [b"source"]


ARRIVED = (ok(STARTED), arrived(kind="upload"))
DOWNLOADS: Mapping[str, tuple[Sequence[Answer], Sequence[Answer | None], str]] = {
    "no-context": ([STORED], [fault(FAULT)], FAULT_TEXT),
    "sync-refused": (
        [STORED],
        [INTERNAL, ok(REFUSED)],
        "session.context.sync(download) failed: Busy: try later (HTTP 200, request id r-no)",
    ),
    "task-failed": (
        [STORED],
        [INTERNAL, ok(STARTED), arrived("Failed", "upload", errorMessage="no such file")],
        "Download sync not finished: Task error: no such file",
    ),
    "task-not-finished": (
        [STORED],
        [INTERNAL, ok(STARTED), arrived("Running", "upload")],
        "Download sync not finished: task not finished",
    ),
    "no-url": (
        [STORED],
        [INTERNAL, *ARRIVED, data({})],
        "get_file_download_url failed: No URL in response",
    ),
    "missing": (
        [Answer(http(b"no", 404))],
        [INTERNAL, *ARRIVED, None],
        "Download failed with HTTP 404",
    ),
    "partial": (
        [Answer(http(b"no", 206))],
        [INTERNAL, *ARRIVED, None],
        "Download failed with HTTP 206",
    ),
    "truncated": (
        [Answer(http(CONTENT, length=len(CONTENT) + 1), Then.CLOSE)],
        [INTERNAL, *ARRIVED, None],
        "Download exception: The answer of ",
    ),
    "without-length": (
        [Answer(b"HTTP/1.1 200 OK\r\n\r\n" + CONTENT, Then.CLOSE)],
        [INTERNAL, *ARRIVED, None],
        "Download exception: The answer does not say where the file ends",
    ),
    "garbage": (
        [Answer(b"\0\1\2\r\n\r\n", Then.CLOSE)],
        [INTERNAL, *ARRIVED, None],
        "Download exception: ",
    ),
}


@pytest.mark.parametrize("name", DOWNLOADS)
async def test_download_that_fails(connect: ConnectFunction, name: str, tmp_path: Path) -> None:
    storage, answers, message = DOWNLOADS[name]
    target = tmp_path / "target"
    target.write_bytes(b"old")
    async with transferring(connect, storage, *answers) as (session, _, _):
        result = await session.file_system.download_file(
            REMOTE, str(target), wait_timeout=0.1, poll_interval=0.02
        )
    assert not result.success
    assert result.error_message.startswith(message)
    assert list(tree_of(tmp_path)) == [b"target"]
    assert target.read_bytes() == b"old"


async def test_download_that_succeeds(connect: ConnectFunction, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    moved = Answer(http(b"", 302, Location="/elsewhere"), Then.KEEP)
    whole = Answer(http(CONTENT), Then.KEEP)
    async with transferring(connect, [moved, whole], INTERNAL, *ARRIVED, None) as (
        session,
        api,
        store,
    ):
        result = await session.file_system.download_file(REMOTE, str(target))
        assert result.success, result
    assert (result.http_status, result.bytes_received) == (200, len(CONTENT))
    assert (result.request_id_download_url, result.request_id_sync) == ("r-1", "r-start")
    assert result.unwrap() == str(target)
    assert target.read_bytes() == CONTENT
    assert actions(api)[2:] == ["SyncContext", "GetContextInfo", "GetContextFileDownloadUrl"]
    assert len(store.requests) == 2
    assert b"akm-secret" not in b"".join(store.requests)


async def test_a_download_that_does_not_insist_waits_as_sync_does(
    connect: ConnectFunction, tmp_path: Path
) -> None:
    whole = Answer(http(CONTENT), Then.KEEP)
    failed = arrived("Failed", "upload", errorMessage="no room")
    answers = (INTERNAL, ok(STARTED), tasks(), None, ok(STARTED), failed)
    async with transferring(connect, [whole], *answers) as (session, _, _):
        target = str(tmp_path / "target")
        assert await session.file_system.download_file(REMOTE, target, wait=False)
        result = await session.file_system.download_file(REMOTE, target, wait=False)
        assert result.error_message == "session.context.sync(download) failed: no room"
        assert isinstance(result.exception, Exception)


async def test_a_download_that_stands_still_ends(tmp_path: Path) -> None:
    begun = Answer(http(CONTENT, length=len(CONTENT) + 1), Then.HANG)
    async with transferring(AsyncAgentBay, [begun], INTERNAL, *ARRIVED, None) as (session, _, _):
        impatient = AsyncFileTransfer(session.agent_bay, session, http_timeout=0.2)
        with anyio.fail_after(10):
            result = await impatient.download(REMOTE, str(tmp_path / "target"))
    assert result.error_message.endswith("Nothing moved between here and 127.0.0.1 for 0.2 s")
    assert tree_of(tmp_path) == {}


async def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    begun = Answer(http(CONTENT * 1000, length=10**9), Then.HANG)
    async with transferring(AsyncAgentBay, [begun], INTERNAL, *ARRIVED, None) as (session, _, _):
        received = anyio.Event()

        async def fetch() -> None:
            await session.file_system.download_file(
                REMOTE, str(tmp_path / "target"), progress_cb=lambda _: received.set()
            )

        async with anyio.create_task_group() as group:
            group.start_soon(fetch)
            with anyio.fail_after(10):
                await received.wait()
            assert len(tree_of(tmp_path)) == 1
            group.cancel_scope.cancel()
        assert tree_of(tmp_path) == {}


async def test_the_path_for_transfers(connect: ConnectFunction) -> None:
    for answer, path in ((INTERNAL, "/tmp/file-transfer"), (fault(FAULT), None)):
        async with transferring(connect, [STORED], answer) as (session, _, _):
            assert await session.file_system.get_file_transfer_context_path() == path


async def test_a_missing_local_file_is_noticed_first(
    connect: ConnectFunction, tmp_path: Path
) -> None:
    async with transferring(connect, [STORED]) as (session, api, _):
        for path in (tmp_path, tmp_path / "none"):
            result = await session.file_system.upload_file(str(path), REMOTE)
            assert result.error_message == f"Local file not found: {path}"
            with pytest.raises(FileError):
                result.unwrap()
        assert actions(api) == ["CreateMcpSession"]
