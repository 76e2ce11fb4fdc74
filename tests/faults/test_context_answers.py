"""What contexts make of each answer of the service: the exact words."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import pytest

from agentbay import (
    AgentBayError,
    AsyncAgentBay,
    BetaContextMount,
    BrowserContext,
    ClearanceTimeoutError,
    Config,
    Context,
    ContextSync,
    CreateSessionParams,
    DownloadPolicy,
    SyncPolicy,
)
from tests.conftest import ConnectFunction
from tests.faults.test_session_answers import CREATED, fault, ok, scripted, scripted_bay
from tests.servers import ONCE, Answer, ScriptedServer, Then

REFUSED = {"RequestId": "r-no", "Success": False, "Code": "Busy", "Message": "try later"}
SILENT = {"RequestId": "r-no", "Success": False, "Code": "Busy"}
WITHOUT_CODE = {"RequestId": "r-no", "Success": False}
FAULT = {"Code": "Bad", "Message": "wrong", "RequestId": "r-9"}
FAULT_TEXT = "Bad: wrong (HTTP 400, request id r-9)"
STARTED = {"RequestId": "r-start", "Success": True}
FOUND = {"Id": "c-1", "Name": "n", "State": "available", "CreateTime": "t1", "LastUsedTime": "t2"}
CONTEXT = Context("c-1", "n")


def data(value: object, **around: object) -> Answer:
    return ok({"RequestId": "r-1", "Success": True, "Data": value, **around})


def tasks(*items: Mapping[str, object]) -> Answer:
    """Return what GetContextInfo answers with: JSON in a string in JSON in a string."""
    block = {"type": "data", "data": json.dumps(items)}
    return data({"ContextStatus": json.dumps([{"type": "other", "data": "x"}, block])})


def task(status: str = "Success", kind: str = "upload", **more: object) -> dict[str, object]:
    return {"contextId": "c-1", "path": "/d", "status": status, "taskType": kind, **more}


def sent(request: bytes) -> dict[str, str]:
    """Return the parameters of a request, of its query and its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    query = urlsplit(head.split(b" ")[1].decode()).query
    return dict(parse_qsl(query)) | dict(parse_qsl(body.decode()))


@contextlib.asynccontextmanager
async def listening(
    connect: ConnectFunction, *answers: Answer
) -> AsyncIterator[tuple[ScriptedServer, AsyncAgentBay]]:
    async with (
        ScriptedServer(answers).running() as server,
        connect("akm-secret", Config(endpoint=server.endpoint, timeout_ms=5000, retry=ONCE)) as bay,
    ):
        yield server, bay


def actions(server: ScriptedServer) -> list[str]:
    return [sent(request).get("Action", "") for request in server.requests]


GET: Mapping[str, tuple[Answer, str]] = {
    "refused": (ok(REFUSED), "[Busy] try later"),
    "refused-silently": (ok(SILENT), "[Busy] Unknown error"),
    "body-no-object": (ok([1]), "Invalid response body"),
    "data-no-object": (data([1]), "Invalid data format"),
    "fault": (fault(FAULT), f"Failed to get context n: {FAULT_TEXT}"),
}


@pytest.mark.parametrize("name", GET)
async def test_get(connect: ConnectFunction, name: str) -> None:
    answer, message = GET[name]
    async with scripted_bay(connect, answer) as bay:
        result = await bay.context.get("n")
        assert (result.success, result.error_message) == (False, message)
        with pytest.raises(AgentBayError):
            result.unwrap()


async def test_get_fills_in_what_the_service_leaves_out(connect: ConnectFunction) -> None:
    async with scripted_bay(connect, data({"Id": "c-1"}), data({"Id": ""}), data(FOUND)) as bay:
        result = await bay.context.get("wanted")
        assert result.unwrap() == Context("c-1", "wanted")
        nothing = await bay.context.get("unknown")
        assert (nothing.success, nothing.context_id, nothing.context) == (True, "", None)
        with pytest.raises(AgentBayError):
            nothing.unwrap()
        full = await bay.context.get(context_id="c-1")
        assert full.context == Context("c-1", "n", "t1", "t2")
        assert (full.request_id, full.context_id) == ("r-1", "c-1")


async def test_get_checks_its_arguments(connect: ConnectFunction) -> None:
    async with scripted_bay(connect, data(FOUND)) as bay:
        with pytest.raises(
            AgentBayError, match=r"^Either 'name' or 'context_id' must be provided$"
        ):
            await bay.context.get()
        with pytest.raises(AgentBayError, match=r"^Cannot create context using context_id\. Use"):
            await bay.context.get(create=True, context_id="c-1")
        with pytest.raises(AgentBayError, match="Either 'name'"):
            await bay.context.create("")


async def test_the_region_travels_only_with_a_creation(connect: ConnectFunction) -> None:
    async with listening(connect, data(FOUND)) as (server, bay):
        await bay.context.get("n")
        await bay.context.create("n")
    first, second = map(sent, server.requests)
    assert (first["AllowCreate"], first.get("LoginRegionId")) == ("False", None)
    assert (second["AllowCreate"], second["LoginRegionId"]) == ("True", "cn-hangzhou")


LIST: Mapping[str, tuple[Answer, str]] = {
    "refused": (ok(REFUSED), "[Busy] try later"),
    "body-no-object": (ok([1]), "Invalid response body"),
    "fault": (fault(FAULT), f"Failed to list contexts: {FAULT_TEXT}"),
}


@pytest.mark.parametrize("name", LIST)
async def test_list(connect: ConnectFunction, name: str) -> None:
    answer, message = LIST[name]
    async with scripted_bay(connect, answer) as bay:
        result = await bay.context.list()
        assert (result.success, result.contexts, result.error_message) == (False, [], message)


async def test_list_all_goes_over_pages_and_stops_at_a_repeated_one(
    connect: ConnectFunction,
) -> None:
    pages = (data([FOUND], NextToken="t"), data([], NextToken="u"), data([{"Id": "c-2"}]))
    async with scripted_bay(connect, *pages) as bay:
        assert [context.id async for context in bay.context.list_all()] == ["c-1", "c-2"]
    async with scripted_bay(connect, data([FOUND], NextToken="t")) as bay:
        contexts = bay.context.list_all()
        assert (await contexts.__anext__()).id == "c-1"
        with pytest.raises(AgentBayError, match="names the same page"):
            await contexts.__anext__()
    async with scripted_bay(connect, data([FOUND], NextToken="t")) as bay:
        contexts = bay.context.list_all()
        await contexts.close()
        assert [context async for context in contexts] == []


CHANGES: Mapping[str, tuple[Answer, str]] = {
    "refused": (ok(REFUSED), "[Busy] try later"),
    "refused-silently": (ok(WITHOUT_CODE), "[Unknown] Unknown error"),
    "body-no-object": (ok([1]), "Invalid response format"),
}


@pytest.mark.parametrize("verb", ["update", "delete"])
@pytest.mark.parametrize("name", CHANGES)
async def test_update_and_delete(connect: ConnectFunction, name: str, verb: str) -> None:
    answer, message = CHANGES[name]
    async with scripted_bay(connect, answer, fault(FAULT)) as bay:
        change = getattr(bay.context, verb)
        result = await change(CONTEXT)
        assert (result.success, result.data, result.error_message) == (False, False, message)
        with pytest.raises(AgentBayError) as caught:
            await change(CONTEXT)
        assert str(caught.value) == f"Failed to {verb} context c-1: {FAULT_TEXT}"


async def test_urls_and_files(connect: ConnectFunction) -> None:
    url = data({"Url": "https://s.example/o?sig=secret", "ExpireTime": 3600})
    async with scripted_bay(connect, url, ok(REFUSED), data({}), fault(FAULT)) as bay:
        signed = await bay.context.get_file_upload_url("c-1", "/a")
        assert (signed.unwrap(), signed.expire_time) == ("https://s.example/o?sig=secret", 3600)
        assert "secret" not in repr(signed)
        refused = await bay.context.get_file_download_url("c-1", "/a")
        assert (refused.url, refused.expire_time) == ("", None)
        assert refused.error_message == "[Busy] try later"
        assert not await bay.context.get_file_upload_url("c-1", "/a")
        with pytest.raises(AgentBayError, match="Bad: wrong"):
            await bay.context.get_file_upload_url("c-1", "/a")


async def test_list_files_pages_in_two_ways(connect: ConnectFunction) -> None:
    entry = {"FileId": "f", "FileName": "a", "FilePath": "/d/a", "FileType": "FILE", "Size": 5}
    async with listening(connect, data([entry], Count=7, NextToken="t"), ok(REFUSED)) as (
        server,
        bay,
    ):
        page = await bay.context.list_files("c-1", "/d", 2, 5)
        refused = await bay.context.list_files("c-1", "/d", max_results=3, next_token="t")
    assert (page.count, page.next_token) == (7, "t")
    (found,) = page.entries
    assert (found.file_path, found.file_type, found.size, found.gmt_create) == (
        *("/d/a", "FILE", 5),
        None,
    )
    assert (refused.success, refused.entries) == (False, [])
    by_number, by_token = map(sent, server.requests)
    assert (by_number["PageNumber"], by_number["PageSize"]) == ("2", "5")
    assert "MaxResults" not in by_number
    assert (by_token["MaxResults"], by_token["NextToken"]) == ("3", "t")
    assert "PageNumber" not in by_token


async def test_delete_file_and_all_files(connect: ConnectFunction) -> None:
    entry = {"FileId": "f", "FileName": "a", "FilePath": "/d/a"}
    answers = (ok(STARTED), ok(REFUSED), fault(FAULT), data([entry], NextToken="t"), data([entry]))
    async with scripted_bay(connect, *answers) as bay:
        assert await bay.context.delete_file("c-1", "/a")
        refused = await bay.context.delete_file("c-1", "/a")
        assert refused.error_message == "[Busy] try later"
        with pytest.raises(AgentBayError):
            await bay.context.delete_file("c-1", "/a")
        files = [file.file_path async for file in bay.context.list_all_files("c-1", "/d")]
        assert files == ["/d/a", "/d/a"]


CLEAR: Mapping[str, tuple[Answer, str]] = {
    "refused": (ok(REFUSED), "[Busy] try later"),
    "refused-silently": (ok(SILENT), "[Busy] Unknown error"),
    "body-no-object": (ok([1]), "Empty response body"),
}


@pytest.mark.parametrize("name", CLEAR)
async def test_clear_that_does_not_begin(connect: ConnectFunction, name: str) -> None:
    answer, message = CLEAR[name]
    async with scripted_bay(connect, answer, fault(FAULT)) as bay:
        assert (await bay.context.clear("c-1")).error_message == message
        with pytest.raises(AgentBayError) as caught:
            await bay.context.start_clear("c-1")
        text = f"Failed to start context clearing for c-1: {FAULT_TEXT}"
        assert str(caught.value) == text


async def test_clear_waits_until_the_context_is_available(connect: ConnectFunction) -> None:
    states = ("clearing", "", "pre-available", "odd", "available")
    answers = [data({"Id": "c-1", "State": state}) for state in states]
    async with scripted_bay(connect, ok(STARTED), *answers) as bay:
        done = await bay.context.clear("c-1", timeout=10, poll_interval=0.02)
        assert (done.success, done.status, done.request_id) == (True, "available", "r-start")


CLEAR_STATUS: Mapping[str, tuple[Answer, str]] = {
    "refused": (ok(REFUSED), "[Busy] try later"),
    "body-no-object": (ok([1]), "Empty response body"),
    "no-data": (ok(STARTED), "No data in response"),
    "fault": (fault(FAULT), f"Failed to get clear status: {FAULT_TEXT}"),
}


@pytest.mark.parametrize("name", CLEAR_STATUS)
async def test_clear_ends_with_a_failed_query(connect: ConnectFunction, name: str) -> None:
    answer, message = CLEAR_STATUS[name]
    async with scripted_bay(connect, ok(STARTED), answer) as bay:
        assert (await bay.context.clear("c-1")).error_message == message


async def test_clear_times_out(connect: ConnectFunction) -> None:
    async with scripted_bay(connect, ok(STARTED), data({"State": "clearing"})) as bay:
        with pytest.raises(
            ClearanceTimeoutError, match=r"^Context clearing timed out after 0\.\d\d seconds$"
        ):
            await bay.context.clear("c-1", timeout=0.1, poll_interval=0)


async def test_info(connect: ConnectFunction) -> None:
    item = task("Running", startTime=1, finishTime=0, errorMessage="")
    async with scripted(
        connect, tasks(item), data({"ContextStatus": "{"}), ok(REFUSED), fault(FAULT)
    ) as session:
        (found,) = (await session.context.info("c-1", "/d", "upload")).context_status_data
        assert (found.context_id, found.path, found.start_time) == ("c-1", "/d", 1)
        unreadable = await session.context.info()
        assert (unreadable.success, unreadable.context_status_data) == (True, [])
        refused = await session.context.info()
        assert (refused.success, refused.error_message) == (False, "[Busy] try later")
        with pytest.raises(AgentBayError, match="Bad: wrong"):
            await session.context.info()


SYNC: Mapping[str, tuple[tuple[Answer, ...], bool, str]] = {
    "nothing-to-do": ((tasks(),), True, ""),
    "done": ((tasks(task("Running")), tasks(task(), task(kind="download"))), True, ""),
    "other-tasks-do-not-count": ((tasks(task("Running", "archive")),), True, ""),
    "failed-info-is-not-done": ((ok(REFUSED), fault(FAULT, 503), tasks(task())), True, ""),
    "failed": (
        (tasks(task("Failed", errorMessage="no room"), task("Failed", "download")),),
        False,
        "no room; download of /d failed",
    ),
    "too-late": ((tasks(task("Running")),), False, "Context sync timed out after 3 polls"),
    "gone": (
        (fault({"Code": "InvalidMcpSession.NotFound", "Message": "gone"}),),
        False,
        "Context sync cannot be followed: InvalidMcpSession.NotFound: gone (HTTP 400)",
    ),
}


@pytest.mark.parametrize("name", SYNC)
async def test_sync(connect: ConnectFunction, name: str) -> None:
    answers, success, message = SYNC[name]
    async with scripted(connect, ok(STARTED), *answers) as session:
        result = await session.context.sync(max_retries=3, retry_interval=1)
        assert (result.success, result.error_message) == (success, message)
        assert result.request_id == "r-start"
        assert await result is result


async def test_sync_that_does_not_begin(connect: ConnectFunction) -> None:
    async with scripted(connect, ok(REFUSED), fault(FAULT)) as session:
        for pair in (("c-1", None), (None, "/d"), ("c-1", " "), ("", "/d")):
            with pytest.raises(ValueError, match=r"^context_id and path must be provided together"):
                await session.context.sync(*pair)
        assert (await session.context.sync("c-1", "/d")).error_message == "[Busy] try later"
        with pytest.raises(AgentBayError, match="Bad: wrong"):
            await session.context.sync()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(tasks(task()), True), (tasks(task("Failed")), False), (tasks(task("Running")), False)],
    ids=["done", "failed", "too-late"],
)
async def test_sync_tells_its_callback_once(
    connect: ConnectFunction, answer: Answer, outcome: bool
) -> None:
    told: list[bool] = []
    done = anyio.Event()

    async def callback(went_well: bool) -> None:
        told.append(went_well)
        done.set()

    async with ScriptedServer([ok(CREATED), ok(STARTED), answer]).running() as server:
        config = Config(endpoint=server.endpoint)
        async with AsyncAgentBay("akm-secret", config) as bay:
            session = (await bay.create()).unwrap()
            begun = await session.context.sync(callback=callback, max_retries=2, retry_interval=1)
            assert begun.success
            with anyio.fail_after(10):
                await done.wait()
    assert told == [outcome]


async def test_closing_the_client_tells_a_waiting_callback(connect: ConnectFunction) -> None:
    told: list[bool] = []

    def callback(went_well: bool) -> None:
        told.append(went_well)

    async with scripted(connect, ok(STARTED), tasks(task("Running"))) as session:
        assert (await session.context.sync(callback=callback)).success
        await session.agent_bay.close()
        assert told == [False]


async def test_an_error_of_the_callback_is_logged(
    connect: ConnectFunction, caplog: pytest.LogCaptureFixture
) -> None:
    def callback(_: bool) -> None:
        raise ValueError("oops")

    async with scripted(connect, ok(STARTED), tasks(task("Running"))) as session:
        await session.context.sync(callback=callback)
        await session.agent_bay.close()
    assert "The callback of a context synchronisation failed" in caplog.text


BIND: Mapping[str, tuple[Answer, str]] = {
    "refused": (ok(REFUSED), "[Busy] try later"),
    "refused-silently": (ok(WITHOUT_CODE), "[Unknown] Unknown error"),
}


@pytest.mark.parametrize("name", BIND)
async def test_bind_that_is_refused(connect: ConnectFunction, name: str) -> None:
    answer, message = BIND[name]
    async with scripted(connect, answer, fault(FAULT)) as session:
        assert (await session.context.bind()).error_message == "No contexts provided"
        result = await session.context.bind(ContextSync("c-1", "/d"))
        assert (result.success, result.error_message) == (False, message)
        with pytest.raises(AgentBayError, match="Bad: wrong"):
            await session.context.bind(ContextSync("c-1", "/d"))


async def test_bind_waits_for_what_is_copied(connect: ConnectFunction) -> None:
    bindings = data([{"ContextId": "c-1", "Path": "/d"}])
    waiting = (data([]), bindings, tasks(task("Running", "download")), tasks(task(kind="download")))
    async with listening(connect, ok(CREATED), ok(STARTED), *waiting) as (server, bay):
        session = (await bay.create()).unwrap()
        manual = SyncPolicy(download_policy=DownloadPolicy(auto_download=False))
        bound = await session.context.bind(
            ContextSync("c-1", "/d"),
            ContextSync("c-1", "/manual", manual),
            BetaContextMount("c-9", "/mnt"),
        )
        assert (bound.success, bound.request_id) == (True, "r-start")
    assert actions(server)[1:] == [
        "BindContexts",
        *["DescribeSessionContexts"] * 2,
        *["GetContextInfo"] * 2,
    ]
    copied, _, mounted = json.loads(sent(server.requests[1])["PersistenceDataList"])
    assert copied == {"ContextId": "c-1", "Path": "/d"}
    assert mounted["Type"] == "mount"


async def test_a_bound_context_that_does_not_arrive_is_logged(
    connect: ConnectFunction, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tasks(task("Failed", "download", errorMessage="no room"))
    bindings = data([{"ContextId": "c-1", "Path": "/d"}])
    async with scripted(connect, ok(STARTED), bindings, broken) as session:
        assert await session.context.bind(ContextSync("c-1", "/d"))
    assert "Context c-1 did not arrive at /d: no room" in caplog.text


async def test_bind_need_not_wait(connect: ConnectFunction) -> None:
    async with listening(connect, ok(CREATED), ok(STARTED)) as (server, bay):
        session = (await bay.create()).unwrap()
        assert await session.context.bind(ContextSync("c", "/d"), wait_for_completion=False)
        assert await session.context.bind(BetaContextMount("c", "/m"))
    assert actions(server) == ["CreateMcpSession", "BindContexts", "BindContexts"]


async def test_list_bindings(connect: ConnectFunction) -> None:
    item = {"ContextId": "c", "ContextName": "n", "Path": "/d", "Policy": "{}", "BindTime": "t"}
    answers = (data([item]), ok(REFUSED), data(5), fault(FAULT))
    async with scripted(connect, *answers) as session:
        (binding,) = (await session.context.list_bindings()).unwrap()
        assert binding == type(binding).from_dict(item)
        assert (await session.context.list_bindings()).error_message == "[Busy] try later"
        odd = await session.context.list_bindings()
        assert odd.error_message == "Unexpected response format"
        with pytest.raises(AgentBayError, match="Bad: wrong"):
            await session.context.list_bindings()


GONE = data({"Status": "FINISH"})


async def delete_with(
    connect: ConnectFunction, *answers: Answer, **options: Any
) -> tuple[bool, list[str]]:
    """Delete a session whose uploads are answered by *answers*; return what was asked."""
    script = [ok(CREATED), ok(STARTED), *answers, ok(STARTED), GONE]
    async with listening(connect, *script) as (server, bay):
        session = (await bay.create()).unwrap()
        deleted = await session.delete(sync_context=True, **options)
        return deleted.success, actions(server)[1:]


async def test_delete_waits_for_uploads_only(connect: ConnectFunction) -> None:
    under_way = tasks(task("Running"), task("Running", "download"))
    done = tasks(task(), task("Running", "download"))
    assert await delete_with(connect, under_way, under_way, done, poll_interval=0.01) == (
        True,
        ["SyncContext", *["GetContextInfo"] * 3, "DeleteSessionAsync", "GetSessionDetail"],
    )


async def test_delete_without_uploads_goes_on_at_once(connect: ConnectFunction) -> None:
    success, asked = await delete_with(connect, tasks(task("Running", "download")))
    assert (success, asked.count("GetContextInfo")) == (True, 1)


async def test_delete_reports_uploads_that_failed(
    connect: ConnectFunction, caplog: pytest.LogCaptureFixture
) -> None:
    failed = tasks(task("Failed", errorMessage="no room"), task())
    assert (await delete_with(connect, failed))[0]
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage() == ("Upload of /d of session s-1 into context c-1 failed: no room")


async def test_delete_looks_150_times_at_uploads_that_do_not_end(
    connect: ConnectFunction, caplog: pytest.LogCaptureFixture
) -> None:
    looks = [tasks(task("Running"))] * 150
    success, asked = await delete_with(connect, *looks, poll_interval=0)
    assert (success, asked.count("GetContextInfo")) == (True, 150)
    assert "Session s-1 is deleted before its uploads have ended" in caplog.text


async def test_delete_rides_out_failed_looks(connect: ConnectFunction) -> None:
    looks = (fault(FAULT, 503), ok(REFUSED), tasks(task()))
    success, asked = await delete_with(connect, *looks, poll_interval=0.01)
    assert (success, asked.count("GetContextInfo")) == (True, 3)


@pytest.mark.parametrize("answer", [ok(REFUSED), fault(FAULT)], ids=["refused", "fault"])
async def test_delete_proceeds_when_nothing_is_uploaded(
    connect: ConnectFunction, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    script = (answer, ok(STARTED), GONE)
    async with scripted(connect, *script) as session:
        assert await session.agent_bay.delete(session, sync_context=True)
    assert "Session s-1 is deleted without synchronisation" in caplog.text


async def test_delete_uploads_a_recording(connect: ConnectFunction) -> None:
    contexts = [{"id": "c-r", "name": "browserreplay-1"}]
    known = data({"SessionId": "s-1", "contexts": contexts})
    script = (known, ok(STARTED), tasks(), ok(STARTED), GONE)
    async with listening(connect, *script) as (server, bay):
        session = (await bay.get("s-1")).unwrap()
        assert await session.delete()
    assert actions(server)[1:3] == ["SyncContext", "GetContextInfo"]
    asked = sent(server.requests[1])
    assert (asked["ContextId"], asked["Path"]) == ("c-r", "/home/wuying/record")


def created_with(**options: Any) -> CreateSessionParams:
    return CreateSessionParams(context_syncs=[ContextSync("c-1", "/d", **options)])


async def test_create_waits_for_contexts(connect: ConnectFunction) -> None:
    looks = (
        *(fault(FAULT, 503), tasks(), tasks(task("Running", "download"))),
        tasks(task(kind="download")),
    )
    async with listening(connect, ok(CREATED), *looks) as (server, bay):
        assert await bay.create(created_with())
    assert actions(server) == ["CreateMcpSession", *["GetContextInfo"] * 4]


MANUAL = SyncPolicy(download_policy=DownloadPolicy(auto_download=False))


@pytest.mark.parametrize(
    "params",
    [
        CreateSessionParams(),
        created_with(beta_wait_for_completion=False),
        created_with(policy=MANUAL),
        CreateSessionParams(beta_context_mounts=[BetaContextMount("c-1", "/m")]),
    ],
    ids=["none", "excluded", "manual", "mount"],
)
async def test_create_does_not_wait_for_what_is_not_awaited(
    connect: ConnectFunction, params: CreateSessionParams
) -> None:
    async with listening(connect, ok(CREATED)) as (server, bay):
        assert await bay.create(params)
    assert actions(server) == ["CreateMcpSession"]


async def test_a_context_that_fails_does_not_fail_create(
    connect: ConnectFunction, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tasks(task("Failed", "download", errorMessage="no room"))
    params = CreateSessionParams(browser_context=BrowserContext("c-1"))
    async with scripted_bay(connect, ok(CREATED), broken) as bay:
        assert (await bay.create(params)).success
    assert "Session s-1 starts without some files: no room" in caplog.text


async def test_a_create_cancelled_while_it_waits_deletes_its_session() -> None:
    script = [ok(CREATED), Answer(b"", Then.HANG), ok(STARTED), GONE]
    async with (
        ScriptedServer(script).running() as server,
        AsyncAgentBay("akm-secret", Config(endpoint=server.endpoint)) as bay,
        anyio.create_task_group() as group,
    ):
        group.start_soon(bay.create, created_with())
        with anyio.fail_after(10):
            while "GetContextInfo" not in actions(server):
                await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert actions(server)[2:] == ["DeleteSessionAsync", "GetSessionDetail"]
