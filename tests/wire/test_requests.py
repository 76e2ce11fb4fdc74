"""How requests travel: exact forms, and every request survives the journey."""

from __future__ import annotations

import json
import string
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay._wire.actions.sessions import (
    CreateMcpSession,
    GetSession,
    GetSessionDetail,
    ListSession,
    SdkStats,
)
from agentbay._wire.actions.tools import CallMcpTool
from agentbay._wire.catalogue import REQUESTS
from agentbay.errors import ProtocolError

NAMES = st.text(string.ascii_letters, min_size=1, max_size=8)
LEAVES = st.one_of(st.text(min_size=1), st.integers().map(str))
# Dotted names cannot carry empty containers, and lists only as lists of one kind.
TREES = st.dictionaries(
    NAMES,
    st.one_of(LEAVES, st.lists(LEAVES, min_size=1), st.dictionaries(NAMES, LEAVES, min_size=1)),
    min_size=1,
)


def test_create_form_is_exact() -> None:
    request = CreateMcpSession(
        image_id="linux_latest",
        labels={"env": "tést"},
        manual_release=True,
        sdk_stats=SdkStats(sdk_version="0.22.3"),
        login_region_id="cn-hangzhou",
        extra_configs={"Mobile": {"LockResolution": True, "Names": ["a", "b"], "Empty": []}},
    )
    encoded = request.encode("akm-1")
    assert encoded.action == "CreateMcpSession"
    assert encoded.query == {}
    assert encoded.form == {
        "Authorization": "Bearer akm-1",
        "ExtraConfigs.Mobile.LockResolution": "True",
        "ExtraConfigs.Mobile.Names.1": "a",
        "ExtraConfigs.Mobile.Names.2": "b",
        "ImageId": "linux_latest",
        "Labels": '{"env": "t\\u00e9st"}',
        "LoginRegionId": "cn-hangzhou",
        "ManualRelease": "True",
        "SdkStats": '{"source":"sdk","sdk_language":"python","sdk_version":"0.22.3",'
        '"is_release":true,"framework":""}',
    }
    assert list(encoded.form) == sorted(encoded.form)


def test_parameters_travel_where_the_protocol_wants_them() -> None:
    detail = GetSessionDetail(session_id="s-1").encode("k")
    assert (detail.query, detail.form) == ({"SessionId": "s-1"}, {"Authorization": "Bearer k"})
    session = GetSession(session_id="s-1").encode("k")
    assert session.query == {}
    assert session.form["SessionId"] == "s-1"


def test_call_arguments_keep_their_characters() -> None:
    form = CallMcpTool(session_id="s", name="shell", args={"command": "é"}).encode("k").form
    assert form["Args"] == '{"command": "é"}'
    assert (form["Server"], form["AutoGenSession"]) == ("", "False")


def test_list_always_says_labels_and_size() -> None:
    form = ListSession().encode("k").form
    assert (form["Labels"], form["MaxResults"]) == ("{}", "10")


def test_repr_shows_no_key() -> None:
    assert "akm-secret" not in repr(GetSession(session_id="s").encode("akm-secret"))


@pytest.mark.parametrize("text", ["True", "true", "TRUE"], ids=["python", "others", "capitals"])
def test_booleans_in_either_case(text: str) -> None:
    assert CreateMcpSession.decode({"ManualRelease": text}) == CreateMcpSession(manual_release=True)


def test_other_spellings_of_parameters() -> None:
    given_names = {"SkillGroupIds": '["a"]'}
    assert CreateMcpSession.decode(given_names) == CreateMcpSession(skills=["a"])
    assert CreateMcpSession.unknown(given_names) == []


def test_extra_configs_as_json() -> None:
    text = '{"mobile":{"lockResolution":true}}'
    decoded = CreateMcpSession.decode({"ExtraConfigs": text})
    assert decoded == CreateMcpSession(extra_configs={"mobile": {"lockResolution": True}})


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "SessionId and Name"),
        ({"SessionId": "s"}, "Name"),
        ({"SessionId": "s", "Name": "n", "Args": "{"}, "Args"),
        ({"SessionId": "s", "Name": "n", "Args": "[1]"}, "Args"),
        ({"SessionId": "s", "Name": "n", "AutoGenSession": "maybe"}, "AutoGenSession"),
    ],
)
def test_bad_parameters_are_named(parameters: dict[str, str], named: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        CallMcpTool.decode(parameters)
    assert named in str(caught.value)
    assert caught.value.path


def test_unknown_parameters_are_told_apart() -> None:
    given_names = {"ImageId": "x", "Colour": "red", "ExtraConfigs.Mobile.X": "1"}
    assert CreateMcpSession.unknown(given_names) == ["Colour"]


def test_every_action_is_registered_under_its_own_name() -> None:
    for name, request in REQUESTS.items():
        assert request.__name__ == name
        assert request.__doc__
        assert attrs.has(request)


@given(
    st.builds(
        CreateMcpSession,
        image_id=st.none() | st.text(min_size=1),
        labels=st.none() | st.dictionaries(st.text(), st.text()),
        timeout=st.none() | st.integers(),
        manual_release=st.none() | st.booleans(),
        skills=st.none() | st.lists(st.text()),
        extra_configs=st.none() | TREES,
        sdk_stats=st.none() | st.builds(SdkStats, sdk_version=st.text(), framework=st.text()),
    )
)
def test_round_trip(request_: CreateMcpSession) -> None:
    assert CreateMcpSession.decode(request_.encode("k").form) == request_


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_arguments_round_trip(args: dict[str, Any]) -> None:
    call = CallMcpTool(session_id="s", name="n", args=args)
    assert CallMcpTool.decode(call.encode("k").form) == call
    assert json.loads(call.encode("k").form["Args"]) == args
