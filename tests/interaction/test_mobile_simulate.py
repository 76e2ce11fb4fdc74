"""Descriptions of devices: kept in real contexts of the local runtime, and scripted failures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from agentbay import (
    AgentBayError,
    AsyncAgentBay,
    AsyncMobileSimulateService,
    BWList,
    Config,
    ContextSync,
    MobileSimulateConfig,
    MobileSimulateMode,
    MobileSimulateService,
    MobileSimulateUploadResult,
    SyncPolicy,
    WhiteList,
)
from agentbay.testing import Answer, Data, RecordingServer, Refusal
from tests.conftest import ConnectFunction
from tests.servers import Answer as HttpAnswer
from tests.servers import ScriptedServer, Then, http
from tests.surfaces import Lift

DESCRIPTION = json.dumps(
    {"version": 1, "properties": {"ro.product.model": "Größe 5"}, "packages": []},
    ensure_ascii=False,
)
FOLDER = "/agentbay_mobile_info/"


def simulator(bay: AsyncAgentBay) -> AsyncMobileSimulateService:
    """Return the service on the surface of the client."""
    client: Any = bay
    if not isinstance(client, Lift):
        return AsyncMobileSimulateService(bay)
    blocking: Any = client._blocking
    return cast("AsyncMobileSimulateService", Lift(MobileSimulateService(blocking)))


async def stored(bay: AsyncAgentBay, context_id: str, path: str, target: Path) -> str:
    fetched = await bay.context.download_file(context_id, path, str(target))
    assert fetched.success, fetched.error_message
    return await anyio.Path(target).read_text("utf-8")


async def test_a_description_gets_a_context_of_its_own(bay: AsyncAgentBay, tmp_path: Path) -> None:
    service = simulator(bay)
    result = await service.upload_mobile_info(DESCRIPTION)
    assert result, result.error_message
    context_id = result.unwrap()
    path = "/data/agentbay_mobile_info"
    assert await stored(bay, context_id, f"{path}/dev_info.json", tmp_path / "a") == DESCRIPTION
    service.set_simulate_enable(True)
    expected = MobileSimulateConfig(True, path, MobileSimulateMode.PROPERTIES_ONLY, context_id)
    assert service.get_simulate_config() == expected
    assert service.get_simulate_context_id() == context_id
    context = (await bay.context.get(context_id=context_id)).unwrap()
    assert re.fullmatch(r"mobile_sim_[0-9a-f]{32}_\d+", context.name)
    later = simulator(bay)
    later.set_simulate_context_id(context_id)
    later.set_simulate_enable(True)
    assert later.get_simulate_config() == expected
    assert (await bay.context.delete(context)).success


async def test_a_description_in_a_context_of_yours(bay: AsyncAgentBay) -> None:
    context = (await bay.context.create("phones-of-mine")).unwrap()
    policy = SyncPolicy(bw_list=BWList([WhiteList("/photos")]))
    sync = ContextSync(context.id, "/data/mine", policy)
    service = simulator(bay)
    assert not await service.has_mobile_info(sync)
    assert service.use_internal_context
    assert service.context_id is None
    assert (await service.upload_mobile_info(DESCRIPTION, sync)).unwrap() == context.id
    other = simulator(bay)
    assert await other.has_mobile_info(sync)
    for found in (service, other):
        assert found.context_sync is sync
        assert not found.use_internal_context
        assert found.mobile_dev_info_path == "/data/mine/agentbay_mobile_info/"
        assert found.get_simulate_config().simulated_context_id is None
    assert policy.bw_list is not None
    assert [entry.path for entry in policy.bw_list.white_lists] == ["/photos", FOLDER]
    assert (await bay.context.delete(context)).success


async def test_defaults(bay: AsyncAgentBay) -> None:
    service = simulator(bay)
    assert service.agent_bay == bay
    assert service.context_service == bay.context
    assert (service.simulate_enable, service.get_simulate_enable()) == (False, False)
    assert service.get_simulate_config() == MobileSimulateConfig(
        False, None, MobileSimulateMode.PROPERTIES_ONLY, None
    )
    mode: Any = "All"
    service.set_simulate_mode(mode)
    assert service.simulate_mode == service.get_simulate_mode() == MobileSimulateMode.ALL
    wrong: Any = "Nothing"
    with pytest.raises(ValueError, match="Nothing"):
        service.set_simulate_mode(wrong)


async def test_without_a_white_list_nothing_is_added(
    connect: ConnectFunction, server: RecordingServer
) -> None:
    server.answer("DescribeContextFiles", Data([{"FileName": "dev_info.json"}]))
    empty = SyncPolicy(bw_list=BWList([]))
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        for policy in (None, empty):
            assert await simulator(bay).has_mobile_info(ContextSync("ctx-1", "/p", policy))
    assert empty.bw_list == BWList([])
    assert [request.arguments for request in server.named("DescribeContextFiles")] == [
        {
            "ContextId": "ctx-1",
            "ParentFolderPath": "/p/agentbay_mobile_info/",
            "PageNumber": "1",
            "PageSize": "50",
        }
    ] * 2


async def test_files_that_cannot_be_listed_hold_no_description(
    connect: ConnectFunction, server: RecordingServer
) -> None:
    server.answer("DescribeContextFiles", Refusal("Some.Code", "why", 200))
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        assert not await simulator(bay).has_mobile_info(ContextSync("ctx-1", "/p"))
        server.answer("DescribeContextFiles", Refusal("Some.Code", "why", 403))
        with pytest.raises(AgentBayError, match="why"):
            await simulator(bay).has_mobile_info(ContextSync("ctx-1", "/p"))


@pytest.mark.parametrize(
    ("sync", "problem"),
    [
        (None, "context_sync is required"),
        (ContextSync("", "/p"), "context_sync.context_id is required"),
        (ContextSync("ctx-1", ""), "context_sync.path is required"),
    ],
)
async def test_incomplete_contexts(
    connect: ConnectFunction, server: RecordingServer, sync: Any, problem: str
) -> None:
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        with pytest.raises(ValueError, match="required") as caught:
            await simulator(bay).has_mobile_info(sync)
    assert str(caught.value) == problem
    assert server.requests == []


NO_JSON = "mobile_dev_info_content is not a valid JSON string"


@pytest.mark.parametrize(
    ("content", "sync", "problem"),
    [
        ("", None, "mobile_dev_info_content is required"),
        (None, None, "mobile_dev_info_content is required"),
        ("{}", None, NO_JSON),
        ("null", None, NO_JSON),
        ("[" * 100_000, None, NO_JSON),
        ("{", None, "Expecting property name"),
        (DESCRIPTION, ContextSync("", "/p"), "context_sync.context_id is required"),
    ],
)
async def test_wrong_descriptions(
    connect: ConnectFunction, server: RecordingServer, content: Any, sync: Any, problem: str
) -> None:
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        with pytest.raises(ValueError, match=re.escape(problem)):
            await simulator(bay).upload_mobile_info(content, sync)
    assert server.requests == []


@pytest.mark.parametrize(
    ("action", "answer", "problem"),
    [
        ("GetContext", Refusal("Some.Code", "why", 200), "Failed to create context for simulate"),
        ("GetContext", Refusal("Some.Code", "why", 403), "Failed to create context for simulate"),
        ("GetContext", Data(None), "Failed to create context for simulate"),
        ("GetContextFileUploadUrl", Refusal("Some.Code", "why", 200), "[Some.Code] why"),
        ("GetContextFileUploadUrl", Refusal("Some.Code", "why", 403), "Some.Code: why"),
    ],
)
async def test_failures_of_the_service_are_results(
    connect: ConnectFunction, server: RecordingServer, action: str, answer: Answer, problem: str
) -> None:
    server.answer(action, answer)
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        result = await simulator(bay).upload_mobile_info(DESCRIPTION)
    assert not result
    assert result.mobile_simulate_context_id == ""
    assert result.error_message.startswith(problem)
    with pytest.raises(AgentBayError):
        result.unwrap()


async def test_failures_of_the_storage_are_results(
    connect: ConnectFunction, server: RecordingServer
) -> None:
    storage = ScriptedServer(
        [HttpAnswer(http("", 403)), HttpAnswer(b"", Then.CLOSE), HttpAnswer(http("", 200))]
    )
    async with storage.running(), connect(server.api_key, Config(endpoint=server.endpoint)) as bay:
        url = f"{storage.endpoint}/o?sig=a%2Bb"
        server.answer("GetContextFileUploadUrl", Data({"Url": url}))
        service = simulator(bay)
        refused = await service.upload_mobile_info(DESCRIPTION)
        assert (refused.success, refused.error_message) == (False, "Upload failed with HTTP 403")
        lost = await service.upload_mobile_info(DESCRIPTION)
        assert not lost.success
        assert lost.error_message
        assert "a%2Bb" not in lost.error_message
        assert (await service.upload_mobile_info(DESCRIPTION)).success
    head, _, body = storage.requests[-1].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /o?sig=a%2Bb HTTP/1.1")
    assert b"content-type" not in head.lower()
    assert body.decode() == DESCRIPTION


def test_there_must_be_a_client() -> None:
    for cls in (AsyncMobileSimulateService, MobileSimulateService):
        with pytest.raises(ValueError, match="agent_bay is required"):
            cls(None)


def test_results_are_true_when_they_succeeded() -> None:
    assert MobileSimulateUploadResult(True, "ctx-1").unwrap() == "ctx-1"
    assert not MobileSimulateUploadResult(False)
