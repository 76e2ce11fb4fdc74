"""Requests as clients send them, and as they should not; every answer is an envelope."""

from __future__ import annotations

import gzip
import logging
import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from agentbay.local import LocalRuntime
from tests.local.wire import Wire, raw_request, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEYS = {"RequestId", "HostId", "Code", "Message", "Success", "HttpStatusCode"}


async def test_a_reply_has_the_form_of_the_service(wire: Wire) -> None:
    answer = await wire.action("ListSession", {"Labels": "{}", "MaxResults": "10"})
    assert answer.status == 200
    assert answer.body["Code"] == "ok"
    assert answer.body["Success"] is True
    assert answer.body["HttpStatusCode"] == 200
    assert answer.body["MaxResults"] == 10
    assert isinstance(answer.body["Data"], list)


async def test_every_reply_has_a_fresh_request_id(wire: Wire) -> None:
    answers = [await wire.action(name) for name in ("ListSession", "ListSession", "Nonsense")]
    ids = {answer.body["RequestId"] for answer in answers}
    assert len(ids) == 3
    assert all(str(uuid.UUID(found)).upper() == found for found in ids)


async def test_an_error_has_the_form_of_the_service(wire: Wire) -> None:
    answer = await wire.action("GetSession", {"SessionId": "s-nothing"})
    assert answer.body.keys() == KEYS
    assert answer.error == (400, "InvalidMcpSession.NotFound")
    assert answer.body["HttpStatusCode"] == 400
    assert answer.message == "Resource [McpSession] is not found."


@pytest.mark.parametrize(
    "action",
    ["GetSession", "GetSessionDetail", "DeleteSessionAsync", "ReleaseMcpSession", "GetMcpResource"],
)
async def test_an_unknown_session_is_not_found_by_any_action(wire: Wire, action: str) -> None:
    answer = await wire.action(action, {"SessionId": "s-nothing"})
    assert answer.error == (400, "InvalidMcpSession.NotFound")


async def test_an_unknown_action_is_named_with_the_known_ones(wire: Wire) -> None:
    answer = await wire.action("MakeTea")
    assert answer.error == (404, "InvalidAction.NotFound")
    assert "'MakeTea'" in answer.message
    assert "CreateMcpSession, " in answer.message


async def test_a_missing_action(wire: Wire) -> None:
    body = urlencode({"Authorization": f"Bearer {wire.api_key}"})
    answer = await wire.post("/", body.encode())
    assert answer.error == (400, "MissingParameter")
    assert "Action" in answer.message


async def test_a_missing_parameter_is_named(wire: Wire) -> None:
    answer = await wire.action("CallMcpTool", {"SessionId": "s-x"})
    assert answer.error == (400, "MissingParameter")
    assert "Name" in answer.message


@pytest.mark.parametrize(
    ("action", "name", "value"),
    [
        ("ListSession", "MaxResults", "ten"),
        ("ListSession", "MaxResults", "0"),
        ("ListSession", "Labels", "{"),
        ("ListSession", "Labels", "[1]"),
        ("ListSession", "Labels", '{"a": {"b": 1}}'),
        ("ListSession", "Status", "FINISH"),
        ("ListSession", "NextToken", "bogus!"),
        ("ListSession", "NextToken", "Ym9ndXM="),
        ("CreateMcpSession", "Timeout", "-1"),
        ("CreateMcpSession", "MaxRuntime", "0"),
        ("CreateMcpSession", "Timeout", "soon"),
        ("CreateMcpSession", "ManualRelease", "perhaps"),
    ],
)
async def test_a_parameter_of_the_wrong_form_is_named(
    wire: Wire, action: str, name: str, value: str
) -> None:
    answer = await wire.action(action, {name: value})
    assert answer.error == (400, "InvalidParameter")
    assert name in answer.message


@pytest.mark.parametrize(
    "status", ["RUNNING", "PAUSING", "PAUSED", "RESUMING", "DELETING", "DELETED"]
)
async def test_every_listable_status_is_accepted(wire: Wire, status: str) -> None:
    answer = await wire.action("ListSession", {"Status": status})
    assert isinstance(answer.data, list)


async def test_parameters_may_be_in_the_query_or_in_the_form(wire: Wire) -> None:
    form = {"Authorization": f"Bearer {wire.api_key}", "MaxResults": "7", "Action": "ListSession"}
    for query, body in ((form, {}), ({}, form)):
        answer = await wire.post(f"/?{urlencode(query)}", urlencode(body).encode())
        assert answer.body["MaxResults"] == 7


async def test_the_content_type_does_not_matter(wire: Wire) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded; charset=utf-8", "nonsense"):
        answer = await wire.action(
            "ListSession", {"MaxResults": "7"}, headers={"Content-Type": kind}
        )
        assert answer.body["MaxResults"] == 7


async def test_a_chunked_body(runtime: LocalRuntime) -> None:
    form = urlencode({"Authorization": f"Bearer {runtime.api_key}", "MaxResults": "7"}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, form[i : i + 1]) for i in range(len(form)))
    request = (
        b"POST /?Action=ListSession HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    status, body = await raw_request(runtime.endpoint, request)
    assert (status, body["MaxResults"]) == (200, 7)


async def test_a_compressed_body(wire: Wire) -> None:
    form = urlencode({"Authorization": f"Bearer {wire.api_key}", "MaxResults": "7"}).encode()
    answer = await wire.post(
        "/?Action=ListSession", gzip.compress(form), {"Content-Encoding": "gzip"}
    )
    assert answer.body["MaxResults"] == 7
    broken = await wire.post("/?Action=ListSession", form, {"Content-Encoding": "gzip"})
    assert broken.error == (400, "InvalidRequestBody")


@pytest.mark.parametrize("body", [b"Labels=%zz", b"Labels=%2", b"Labels=%ff", b"Labels=\xff"])
async def test_a_malformed_form(wire: Wire, body: bytes) -> None:
    answer = await wire.post("/?Action=ListSession", body)
    assert answer.error == (400, "InvalidRequestBody")
    assert "body" in answer.message


async def test_a_malformed_query(runtime: LocalRuntime) -> None:
    request = b"POST /?Action=%ff HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    status, body = await raw_request(runtime.endpoint, request)
    assert (status, body["Code"]) == (400, "InvalidRequestBody")
    assert "query" in body["Message"]


async def test_a_body_above_the_limit_is_refused_with_the_limit() -> None:
    async with (
        LocalRuntime(network="none", max_body_bytes=5000) as runtime,
        wire_to(runtime) as wire,
    ):

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield b"x" * 1000

        for body in (b"x" * 6000, pieces()):
            answer = await wire.post("/?Action=ListSession", body)
            assert answer.error == (413, "RequestTooLarge")
            assert "5000 bytes" in answer.message
        answer = await wire.action("ListSession", {"ImageId": "x" * 4000})
        assert answer.data == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("PUT", "/"),
        ("POST", "/nothing"),
        ("GET", "/link/s-x/callTool"),
        ("GET", "/%zz"),
    ],
)
async def test_other_routes_are_not_found(runtime: LocalRuntime, method: str, path: str) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    status, body = await raw_request(runtime.endpoint, request.encode())
    assert status == 404
    assert body.keys() == KEYS


async def test_values_may_be_json_in_a_string_and_of_any_script(wire: Wire) -> None:
    labels = '{"team": "d\\u00e9v", "状态": "好 &=+%"}'
    session = await wire.create({"Labels": labels, "SdkStats": '{"source":"sdk"}'})
    raw = '{"team": "dév"}'
    listing = await wire.action("ListSession", {"Labels": raw})
    await wire.action("ReleaseMcpSession", {"SessionId": session.id})
    assert [item["SessionId"] for item in listing.data] == [session.id]


async def test_booleans_in_the_spelling_of_any_language(wire: Wire) -> None:
    for value in ("True", "true"):
        session = await wire.create({"ManualRelease": value})
        await wire.action("ReleaseMcpSession", {"SessionId": session.id})


async def test_an_unknown_parameter_is_ignored_and_noted_once(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "agentbay.local"):
        for _ in range(3):
            answer = await wire.action("ListSession", {"Colour": "blue"})
            assert answer.status == 200
    notes = [record.getMessage() for record in caplog.records if "'Colour'" in record.getMessage()]
    assert len(notes) == 1
    assert "ListSession" in notes[0]
    assert "blue" not in notes[0]


async def test_nothing_secret_is_logged(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "agentbay"):
        session = await wire.create()
        await wire.link(session, "shell", {"command": "echo argument-5c1f"})
        await wire.tool(session, "shell", {"command": "echo argument-5c1f"})
        await wire.action("ReleaseMcpSession", {"SessionId": session.id})
        await wire.action("ListSession", {"Secret": wire.api_key})
    assert session.id in caplog.text
    for secret in (wire.api_key, session.token, "argument-5c1f"):
        assert secret not in caplog.text


async def test_a_fault_is_told_by_its_request_id_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        # The store is closed behind the runtime's back: every action that needs it fails.
        await runtime.sessions._store.close()
        answer = await wire.action("ListSession")
    assert answer.error == (500, "InternalError")
    assert not re.search("sqlite|store|Traceback", answer.message, re.IGNORECASE)
    (record,) = [
        found for found in caplog.records if answer.body["RequestId"] in found.getMessage()
    ]
    assert record.exc_info is not None


async def test_a_quoted_path_is_not_decoded_twice(wire: Wire) -> None:
    answer = await wire.action("GetSession", {"SessionId": quote("s-%41")})
    assert answer.error == (400, "InvalidMcpSession.NotFound")
