"""Labels of sessions, over the wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.wire import Started, Wire

GONE = (400, "InvalidMcpSession.NotFound")


async def labels_of(wire: Wire, session: Started) -> dict[str, str]:
    data = (await wire.action("GetLabel", {"SessionId": session.id})).data
    found: dict[str, str] = json.loads(data["Labels"])
    return found


async def set_labels(wire: Wire, session: Started, labels: dict[str, str]) -> None:
    form = {"SessionId": session.id, "Labels": json.dumps(labels)}
    answer = await wire.action("SetLabel", form)
    assert answer.status == 200
    assert "Data" not in answer.body


async def test_labels_are_replaced(wire: Wire) -> None:
    session = await wire.create({"Labels": '{"set": "labels", "old": "1"}'})
    assert await labels_of(wire, session) == {"set": "labels", "old": "1"}
    await set_labels(wire, session, {"set": "labels", "new": "zwölf", "ключ": " ' \" "})
    assert await labels_of(wire, session) == {"set": "labels", "new": "zwölf", "ключ": " ' \" "}
    for wanted, expected in (({"old": "1"}, []), ({"new": "zwölf"}, [session.id])):
        form = {"Labels": json.dumps({"set": "labels", **wanted})}
        listing = (await wire.action("ListSession", form)).data
        assert [item["SessionId"] for item in listing] == expected
    await wire.action("ReleaseMcpSession", {"SessionId": session.id})


async def test_a_session_without_labels(wire: Wire, started: Started) -> None:
    assert await labels_of(wire, started) == {}


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ("{}", "at least one label"),
        ('{"": "v"}', "blank key"),
        ('{" \\t": "v"}', "blank key"),
        ('{"good": "v", "bad": ""}', "blank value, as that of 'bad'"),
        ('{"bad": "  "}', "blank value, as that of 'bad'"),
        ('["a"]', "Labels"),
        ('"text"', "Labels"),
        ('{"a": {"b": "c"}}', "Labels"),
        ("not json", "Labels"),
    ],
)
async def test_wrong_labels_are_named_and_change_nothing(
    wire: Wire, started: Started, labels: str, problem: str
) -> None:
    await set_labels(wire, started, {"kept": "yes"})
    answer = await wire.action("SetLabel", {"SessionId": started.id, "Labels": labels})
    assert answer.error == (400, "InvalidParameter")
    assert problem in answer.message
    assert await labels_of(wire, started) == {"kept": "yes"}


async def test_unknown_sessions_and_missing_parameters(wire: Wire, started: Started) -> None:
    form = {"SessionId": "s-unknown", "Labels": '{"a": "b"}'}
    for action in ("SetLabel", "GetLabel"):
        assert (await wire.action(action, form)).error == GONE
    missing = await wire.action("SetLabel", {"SessionId": started.id})
    assert missing.error == (400, "MissingParameter")
