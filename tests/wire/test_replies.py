"""Replies: the envelope, how success is judged, and which exception an error means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentbay._wire.actions.sessions import (
    CreateMcpSession,
    DeleteSessionAsync,
    GetSession,
    GetSessionDetail,
    ListSession,
    SessionData,
    SessionListing,
)
from agentbay._wire.actions.tools import CallMcpTool, ListMcpTools, ToolListing, ToolPayload
from agentbay._wire.catalogue import REQUESTS
from agentbay._wire.envelope import (
    Reply,
    read_error,
    read_reply,
    service_error,
    write_error,
    write_reply,
)
from agentbay._wire.request import Request
from agentbay.errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ServerFaultError,
    ServiceError,
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def body(**fields: Any) -> str:
    return json.dumps(fields)


def test_null_equals_absent_and_unknown_names_are_ignored() -> None:
    text = body(RequestId="r", Success=True, Code=None, New=[1], Data={"Status": None, "Foo": 1})
    reply = read_reply(GetSession, text, 200)
    assert reply.data == SessionData()
    assert (reply.request_id, reply.code, reply.refusal) == ("r", "", None)


def test_other_spellings_are_read() -> None:
    tools = [
        {"Name": "a", "serverName": "s"},
        {"name": "b", "Server": "t", "input_schema": {"x": 1}},
    ]
    for listed in (tools, json.dumps(tools)):
        data = read_reply(
            GetSession, body(Success=True, Data={"wsUrl": "ws://x", "ToolList": listed}), 200
        ).data
        assert data is not None
        assert data.ws_url == "ws://x"
        assert data.tool_list == (
            ToolListing(name="a", server="s"),
            ToolListing(name="b", server="t", input_schema={"x": 1}),
        )


@pytest.mark.parametrize("empty", ["", " ", None])
def test_empty_tool_list(empty: str | None) -> None:
    data = read_reply(CreateMcpSession, body(Data={"ToolList": empty}), 200).data
    assert data is not None
    assert data.tool_list == ()


@pytest.mark.parametrize(
    ("request_type", "success", "code", "refused"),
    [
        (CreateMcpSession, False, "X", True),
        (CreateMcpSession, False, "", False),
        (CreateMcpSession, None, "X", False),
        (GetSession, None, "X", True),
        (GetSession, None, "", False),
        (GetSession, False, "X", True),
        (GetSessionDetail, True, "ok", False),
        (DeleteSessionAsync, None, "", False),
        (DeleteSessionAsync, False, "", True),
        (ListSession, None, "", False),
        (ListSession, False, "", True),
    ],
)
def test_success_is_judged_by_the_actions_rule(
    request_type: type[Request[Any]], success: bool | None, code: str, refused: bool
) -> None:
    reply = read_reply(request_type, body(Success=success, Code=code, Message="m"), 200)
    assert (reply.refusal is not None) == refused
    if reply.refusal is not None:
        assert reply.refusal.detail == "m"


def test_data_as_text() -> None:
    payload = {"content": [{"type": "text", "text": "hi"}], "isError": True}
    for data in (payload, json.dumps(payload)):
        found = read_reply(CallMcpTool, body(Data=data), 200).data
        assert found is not None
        assert (found.text, found.is_error) == ("hi", True)
    assert read_reply(CallMcpTool, body(Data=""), 200).data is None
    listed: Reply[tuple[ToolListing, ...]] = Reply(data=(ToolListing(name="a"),))
    sent = write_reply(ListMcpTools, listed)
    assert isinstance(sent["Data"], str)
    assert read_reply(ListMcpTools, json.dumps(sent), 200).data == (ToolListing(name="a"),)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([], ""),
        (["plain"], "plain"),
        ([{"text": "t", "blob": "b"}], "t"),
        ([{"blob": "b", "data": "d"}], "b"),
        ([{"text": "", "data": "d"}], "d"),
        ([{"type": "image"}, {"text": "second"}], ""),
        ([5], ""),
    ],
)
def test_only_the_first_piece_counts(content: list[Any], text: str) -> None:
    assert ToolPayload(content=tuple(content)).text == text


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InvalidMcpSession.NotFound", 400, NotFoundError),
        ("InvalidAction.NotFound", 404, NotFoundError),
        ("InvalidApiKey", 401, AuthenticationError),
        ("InvalidToken", 401, AuthenticationError),
        ("NOT_LOGIN", 400, AuthenticationError),
        ("Throttling.User", 400, RateLimitError),
        ("InvalidSessionState", 400, ConflictError),
        ("", 401, AuthenticationError),
        ("", 403, PermissionDeniedError),
        ("", 404, NotFoundError),
        ("", 409, ConflictError),
        ("", 429, RateLimitError),
        ("Whatever", 500, ServerFaultError),
        ("ServiceUnavailable", 503, ServerFaultError),
        ("Whatever", 400, ServiceError),
        ("PathAlreadyBound", 200, ServiceError),
    ],
)
def test_codes_become_exceptions(code: str, status: int, kind: type[ServiceError]) -> None:
    error = service_error(code, "m", http_status=status, request_id="r")
    assert type(error) is kind
    assert (error.code, error.http_status, error.request_id) == (code, status, "r")
    assert code in str(error)
    assert "request id r" in str(error)


@pytest.mark.parametrize("lower", [False, True])
def test_error_bodies_in_either_casing(lower: bool) -> None:
    names = ["Code", "Message", "RequestId"]
    if lower:
        names = [name[0].lower() + name[1:] for name in names]
    text = json.dumps(dict(zip(names, ["C", "M", "R"], strict=True)))
    error = read_error(text, 400, None)
    assert (error.code, error.detail, error.request_id) == ("C", "M", "R")


def test_written_errors_can_be_read() -> None:
    error = service_error("InvalidImageId", "No image x", http_status=400)
    read = read_error(json.dumps(write_error(error, "r-1", "h")), 400, None)
    assert (read.code, read.detail, read.request_id) == ("InvalidImageId", "No image x", "r-1")


@given(st.lists(st.builds(SessionListing, session_id=st.text(), image_id=st.text())), st.text())
def test_listings_round_trip(listed: list[SessionListing], token: str) -> None:
    reply: Reply[tuple[SessionListing, ...]] = Reply(
        data=tuple(listed), next_token=token, max_results=10, total_count=len(listed)
    )
    read = read_reply(ListSession, json.dumps(write_reply(ListSession, reply)), 200)
    assert read.data == reply.data
    assert (read.next_token, read.total_count) == (token, len(listed))


@pytest.mark.parametrize("request_type", REQUESTS.values(), ids=lambda request: request.__name__)
@given(data=JSON, whole=st.booleans())
def test_no_answer_raises_anything_but_ours(
    request_type: type[Request[Any]], data: Any, whole: bool
) -> None:
    value = data if whole else {"Success": True, "Data": data}
    problems: tuple[str, ...] | None = None
    try:
        read_reply(request_type, json.dumps(value), 200)
    except ProtocolError as exc:
        problems = exc.path
    assert problems is None or problems
