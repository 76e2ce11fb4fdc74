"""Networks and skills: what is sent, what the answers mean, and when a call is repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentbay import (
    AsyncAgentBay,
    Config,
    NotFoundError,
    ServerFaultError,
    SkillInfo,
    SkillsError,
)
from agentbay.testing import Answer, Data, Raw, RecordingServer, Refusal
from tests.conftest import ConnectFunction

UNAVAILABLE = Refusal("ServiceUnavailable", "try again", 503)


@pytest.fixture
async def bay(connect: ConnectFunction, server: RecordingServer) -> AsyncIterator[AsyncAgentBay]:
    async with connect(server.api_key, Config(endpoint=server.endpoint)) as client:
        yield client


async def test_services_have_two_names(bay: AsyncAgentBay) -> None:
    assert bay.beta.network == bay.beta_network
    assert bay.beta.skills == bay.beta_skills


@pytest.mark.parametrize(
    ("given", "sent"), [(None, {}), ("", {}), ("net-7", {"NetworkId": "net-7"})]
)
async def test_bind_token(
    bay: AsyncAgentBay, server: RecordingServer, given: str | None, sent: dict[str, str]
) -> None:
    server.answer("CreateNetwork", Data({"NetworkId": "net-7", "NetworkToken": "hunter2"}))
    result = await bay.beta_network.get_network_bind_token(given)
    assert (result.success, result.network_id, result.network_token) == (True, "net-7", "hunter2")
    assert result.unwrap() is result
    assert "hunter2" not in repr(result)
    (request,) = server.requests
    assert (request.name, request.arguments) == (
        "CreateNetwork",
        {"LoginRegionId": "cn-hangzhou", **sent},
    )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Raw(b"[]"), "Invalid response from CreateNetwork API"),
        (Refusal("Quota.Exceeded", "too many", 200), "[Quota.Exceeded] too many"),
        (Refusal("", "too many", 200), "too many"),
        (Data(None, {"Success": False, "Code": "", "Message": ""}), "Unknown error"),
        (Data(None), "Network data not found in response"),
        (Refusal("Quota.Exceeded", "no"), "Failed to create network: Quota.Exceeded: no"),
    ],
)
async def test_bind_token_failures(
    bay: AsyncAgentBay, server: RecordingServer, answer: Answer, problem: str
) -> None:
    server.answer("CreateNetwork", answer)
    result = await bay.beta_network.get_network_bind_token()
    assert not result
    assert result.error_message.startswith(problem)


@pytest.mark.parametrize("online", [True, False])
async def test_describe(bay: AsyncAgentBay, server: RecordingServer, online: bool) -> None:
    server.answer("DescribeNetwork", Data({"Online": online}))
    result = await bay.beta_network.describe("net-7")
    assert (result.success, result.online, result.unwrap()) == (True, online, online)
    assert [request.arguments for request in server.requests] == [{"NetworkId": "net-7"}]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Raw(b'"text"'), "Invalid response from DescribeNetwork API"),
        (Refusal("Some.Code", "why", 200), "[Some.Code] why"),
        (Refusal("Network.NotFound", "gone", 404), "Network net-7 not found"),
        (Refusal("Some.Code", "why", 400), "Failed to describe network: Some.Code: why"),
    ],
)
async def test_describe_failures(
    bay: AsyncAgentBay, server: RecordingServer, answer: Answer, problem: str
) -> None:
    server.answer("DescribeNetwork", answer)
    result = await bay.beta_network.describe("net-7")
    assert not result
    assert result.error_message.startswith(problem)
    assert len(server.requests) == 1


@pytest.mark.parametrize("network_id", ["", "  "])
async def test_describe_needs_an_id(
    bay: AsyncAgentBay, server: RecordingServer, network_id: str
) -> None:
    result = await bay.beta_network.describe(network_id)
    assert result.error_message == "network_id is required"
    assert server.requests == []


async def test_an_unavailable_service_is_asked_again(
    bay: AsyncAgentBay, server: RecordingServer
) -> None:
    server.answer("DescribeNetwork", UNAVAILABLE, UNAVAILABLE, Data({"Online": True}))
    assert (await bay.beta_network.describe("net-7")).online
    assert len(server.requests) == 3
    server.answer("DescribeNetwork", UNAVAILABLE)
    result = await bay.beta_network.describe("net-7")
    assert "ServiceUnavailable" in result.error_message
    assert len(server.requests) == 3 + 4


SKILLS = [
    {"SkillId": "sk_1", "Name": "search", "Description": "Finds things."},
    {"SkillId": "sk_2", "Name": "", "Description": "nameless"},
    {"Name": "draw"},
]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"image_id": "linux_latest"}, {"ImageId": "linux_latest"}),
        ({"skill_names": ["ä", "b"]}, {"SkillGroupIds": '["ä","b"]'}),
    ],
)
async def test_skills_of_an_image(
    bay: AsyncAgentBay, server: RecordingServer, given: dict[str, Any], sent: dict[str, str]
) -> None:
    server.answer("GetSkillMetaData", Data({"SkillPath": "/skills", "MetaDataList": SKILLS}))
    found = await bay.beta_skills.get_metadata(**given)
    assert found.skills_root_path == "/skills"
    assert found.skills == [SkillInfo("search", "Finds things.", "sk_1"), SkillInfo("draw")]
    assert [(request.name, request.arguments) for request in server.requests] == [
        ("GetSkillMetaData", sent)
    ]


@pytest.mark.parametrize(
    ("root", "expected"), [(None, "/home/wuying/skills"), (" /opt/skills/ ", "/opt/skills")]
)
async def test_skills_by_id(
    bay: AsyncAgentBay,
    server: RecordingServer,
    monkeypatch: pytest.MonkeyPatch,
    root: str | None,
    expected: str,
) -> None:
    monkeypatch.delenv("AGENTBAY_OFFICIAL_SKILLS_ROOT", raising=False)
    if root is not None:
        monkeypatch.setenv("AGENTBAY_OFFICIAL_SKILLS_ROOT", root)
    server.answer("ListSkillMetaData", Data(SKILLS))
    found = await bay.beta_skills.get_metadata(skill_ids=["builtin:search"])
    assert [skill.name for skill in found.skills] == ["search", "draw"]
    assert found.skills_root_path == expected
    assert [request.arguments for request in server.requests] == [
        {"SkillIdList": '["builtin:search"]'}
    ]


@pytest.mark.parametrize(
    ("action", "given"), [("GetSkillMetaData", {}), ("ListSkillMetaData", {"skill_ids": []})]
)
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Refusal("Some.Code", "why", 200), "[Some.Code] why"),
        (Data(None, {"Success": False, "Code": ""}), "Unknown error"),
        (Raw(b"[]"), "missing response body"),
        (Data(None), "missing Data field"),
        (Data(7), "invalid Data field"),
    ],
)
async def test_skills_that_cannot_be_described(
    bay: AsyncAgentBay,
    server: RecordingServer,
    action: str,
    given: dict[str, Any],
    answer: Answer,
    problem: str,
) -> None:
    server.answer(action, answer)
    with pytest.raises(SkillsError) as caught:
        await bay.beta_skills.get_metadata(**given)
    assert str(caught.value) == f"{action} failed: {problem}"
    assert isinstance(caught.value, RuntimeError)


async def test_errors_of_the_service_pass_through(
    bay: AsyncAgentBay, server: RecordingServer
) -> None:
    server.answer("GetSkillMetaData", Refusal("Image.NotFound", "no", 404), UNAVAILABLE)
    with pytest.raises(NotFoundError):
        await bay.beta_skills.get_metadata()
    with pytest.raises(ServerFaultError):
        await bay.beta_skills.get_metadata()
    assert len(server.requests) == 1 + 4


ITEM = {"context_id": "SdkCtx-1", "skill_ids": ["sk_1"], "path": "/skills"}
CHANGES = [
    ("bind_context", "BindContextSkillAsync", "ContextSkillBindItems", "BindContextSkillAsync"),
    (
        "unbind_context",
        "UnbindContextSkillAsync",
        "ContextSkillUnbindItems",
        "UnbindContextSkill",
    ),
]


@pytest.mark.parametrize(("member", "action", "parameter", "doing"), CHANGES)
async def test_skills_of_a_context(
    bay: AsyncAgentBay,
    server: RecordingServer,
    member: str,
    action: str,
    parameter: str,
    doing: str,
) -> None:
    change = getattr(bay.beta_skills, member)
    server.answer(
        action,
        Data(),
        Refusal("Some.Code", "why", 200),
        Raw(b"[]"),
        Refusal("Some.Code", "why"),
    )
    done = await change([ITEM])
    assert (done.success, done.data) == (True, True)
    (request,) = server.requests
    assert request.arguments == {
        "LoginRegionId": "cn-hangzhou",
        parameter: '[{"ContextId":"SdkCtx-1","SkillIds":["sk_1"],"Path":"/skills"}]',
    }
    refused = await change([ITEM])
    assert (refused.success, refused.data) == (False, False)
    assert refused.error_message == "[Some.Code] why"
    assert (await change([ITEM])).error_message == "Invalid response format"
    assert (await change([ITEM])).error_message.startswith(f"{doing} failed: Some.Code: why")


@pytest.mark.parametrize(
    "item",
    [{}, {"context_id": "c"}, {"context_id": 1, "skill_ids": []}, {**ITEM, "skill_ids": "sk_1"}],
)
async def test_bad_items_are_refused_before_any_request(
    bay: AsyncAgentBay, server: RecordingServer, item: dict[str, Any]
) -> None:
    for change in (bay.beta_skills.bind_context, bay.beta_skills.unbind_context):
        with pytest.raises(ValueError, match="must be a"):
            await change([item])
    assert server.requests == []
