"""Touch, keys, elements, applications, debug bridge: what is sent, what the answers mean."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import Any

import pytest

from agentbay import AsyncSession, InstalledApp, KeyCode, NotFoundError, ProtocolError
from agentbay.models.computer import Process
from agentbay.testing import Answer, Data, Raw, RecordingServer, Refusal, Text

Arguments = dict[str, Any]

ACTIONS: list[tuple[str, list[Any], str, Arguments, str]] = [
    ("mobile.tap", [360, 900], "tap", {"x": 360, "y": 900}, "tap"),
    *(
        (
            f"{handle}.swipe",
            [1, 2, 3, 4, *duration],
            "swipe",
            {"start_x": 1, "start_y": 2, "end_x": 3, "end_y": 4, "duration_ms": sent},
            "perform swipe",
        )
        for handle in ("mobile", "ui")
        for duration, sent in (([], 300), ([50], 50))
    ),
    *(
        (f"{handle}.{member}", given, member, sent, doing)
        for handle in ("mobile", "ui")
        for member, given, sent, doing in (
            ("input_text", ["ü"], {"text": "ü"}, "input text"),
            ("send_key", [KeyCode.BACK], {"key": 4}, "send key"),
            ("send_key", [82], {"key": 82}, "send key"),
        )
    ),
    ("ui.click", [5, 9], "click", {"x": 5, "y": 9, "button": "left"}, "perform click"),
    ("ui.click", [5, 9, "right"], "click", {"x": 5, "y": 9, "button": "right"}, "perform click"),
]

RECT = {"left": 0, "top": 63, "right": 720, "bottom": 1208}


@pytest.mark.parametrize(("path", "given", "tool", "sent", "doing"), ACTIONS)
async def test_action(
    server: RecordingServer,
    session: AsyncSession,
    path: str,
    given: list[Any],
    tool: str,
    sent: Arguments,
    doing: str,
) -> None:
    server.answer(tool, "", Text("no such point", is_error=True), Text("", is_error=True))
    call: Any = attrgetter(path)(session)
    done = await call(*given)
    assert (done.success, done.data) == (True, True)
    assert (await call(*given)).error_message == "no such point"
    assert (await call(*given)).error_message == f"Failed to {doing}"
    assert [(call.name, call.arguments) for call in server.calls] == [(tool, sent)] * 3
    assert {call.server for call in server.calls} == {"wuying_ui"}


@pytest.mark.parametrize(
    ("bounds", "rect"),
    [
        ("0,63,720,1208", RECT),
        ("[0,63][720,1208]", RECT),
        ("[0,63][720,1208][5,6]", RECT),
        (RECT, RECT),
        ({**RECT, "width": 720}, RECT),
        ("-5,-6,7,8", {"left": -5, "top": -6, "right": 7, "bottom": 8}),
        ("0,63,720", None),
        ("", None),
        (None, None),
        ([0, 63, 720, 1208], None),
        ({**RECT, "left": "0"}, None),
        ({**RECT, "left": True}, None),
        ({**RECT, "left": 0.5}, None),
        ({"left": 0}, None),
    ],
)
async def test_bounds(
    server: RecordingServer, session: AsyncSession, bounds: Any, rect: dict[str, int] | None
) -> None:
    answer = json.dumps([{"bounds": bounds}])
    server.answer("get_clickable_ui_elements", answer)
    server.answer("get_all_ui_elements", answer)
    (clickable,) = (await session.mobile.get_clickable_ui_elements()).unwrap()
    assert clickable == {"bounds": bounds, "bounds_rect": rect}
    (element,) = (await session.mobile.get_all_ui_elements()).unwrap()
    assert element["bounds_rect"] == rect
    assert element["bounds"] == ("" if bounds is None else bounds)


@pytest.mark.parametrize("handle", ["mobile", "ui"])
async def test_clickable_elements_stay_as_they_are(
    server: RecordingServer, session: AsyncSession, handle: str
) -> None:
    inner = {"bounds": "0,63,720,1208", "contentDesc": "x"}
    text = json.dumps([{"text": "OK", "odd": [1], "children": [inner, "odd"]}, {}])
    server.answer("get_clickable_ui_elements", text, Text("no screen", is_error=True))
    ask = getattr(session, handle).get_clickable_ui_elements
    found = await ask()
    assert found.elements == [
        {
            "text": "OK",
            "odd": [1],
            "bounds_rect": None,
            "children": [{**inner, "bounds_rect": RECT}, "odd"],
        },
        {"bounds_rect": None},
    ]
    assert (found.raw, found.format) == (text, "json")
    refused = await ask(50)
    assert (refused.success, refused.error_message) == (False, "no screen")
    assert (refused.elements, refused.raw, refused.format) == ([], "", "json")
    assert [call.arguments for call in server.calls] == [{"timeout_ms": 2000}, {"timeout_ms": 50}]


TREE = [
    {
        "bounds": "0,63,720,1208",
        "className": "android.widget.FrameLayout",
        "index": 0,
        "isParent": True,
        "elementId": "dropped",
        "children": [
            {"text": "OK", "type": "clickable", "resourceId": "app:id/ok", "children": None},
            {"index": None},
        ],
    }
]
EMPTY: dict[str, Any] = {
    "bounds": "",
    "bounds_rect": None,
    "className": "",
    "text": "",
    "type": "",
    "resourceId": "",
    "index": -1,
    "isParent": False,
    "children": [],
}
NORMALISED = [
    {
        **EMPTY,
        "bounds": "0,63,720,1208",
        "bounds_rect": RECT,
        "className": "android.widget.FrameLayout",
        "index": 0,
        "isParent": True,
        "children": [
            {**EMPTY, "text": "OK", "type": "clickable", "resourceId": "app:id/ok"},
            EMPTY,
        ],
    }
]


@pytest.mark.parametrize(
    ("path", "given", "sent"),
    [
        ("mobile", [], {"timeout_ms": 2000, "format": "json"}),
        ("mobile", [50, " JSON "], {"timeout_ms": 50, "format": "json"}),
        ("mobile", [50, ""], {"timeout_ms": 50, "format": "json"}),
        ("mobile", [50, None], {"timeout_ms": 50, "format": "json"}),
        ("ui", [], {"timeout_ms": 2000}),
        ("ui", [50], {"timeout_ms": 50}),
    ],
)
async def test_trees(
    server: RecordingServer, session: AsyncSession, path: str, given: list[Any], sent: Arguments
) -> None:
    server.answer("get_all_ui_elements", json.dumps(TREE), Text("no screen", is_error=True))
    ask = getattr(session, path).get_all_ui_elements
    found = await ask(*given)
    assert found.unwrap() == NORMALISED
    assert (found.raw, found.format) == (json.dumps(TREE), "json")
    refused = await ask(*given)
    assert (refused.success, refused.error_message) == (False, "no screen")
    assert (refused.elements, refused.raw, refused.format) == ([], "", "json")
    assert [call.arguments for call in server.calls] == [sent] * 2


async def test_a_document(server: RecordingServer, session: AsyncSession) -> None:
    document = '<?xml version="1.0"?><hierarchy/>'
    server.answer("get_all_ui_elements", document, Text("no screen", is_error=True))
    found = await session.mobile.get_all_ui_elements(format=" XML ")
    assert (found.success, found.elements) == (True, [])
    assert (found.raw, found.format) == (document, "xml")
    refused = await session.mobile.get_all_ui_elements(format="xml")
    assert (refused.success, refused.error_message) == (False, "no screen")
    assert (refused.raw, refused.format) == ("", "json")
    assert {call.arguments["format"] for call in server.calls} == {"xml"}


async def test_another_format(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("get_all_ui_elements", "elements:")
    result = await session.mobile.get_all_ui_elements(format="Yaml")
    problem = "Unsupported UI elements format: 'Yaml'. Supported values: 'json', 'xml'."
    assert (result.success, result.error_message, result.raw) == (False, problem, "elements:")
    assert server.calls[0].arguments["format"] == "yaml"


def nested(depth: int) -> str:
    return '[{"children":' * depth + "[]" + "}]" * depth


async def test_deep_trees_are_bounded(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("get_all_ui_elements", nested(127))
    level = (await session.mobile.get_all_ui_elements()).unwrap()
    depth = 0
    while level:
        level, depth = level[0]["children"], depth + 1
    assert depth == 127
    for hostile in (nested(128), nested(100_000)):
        server.answer("get_all_ui_elements", hostile)
        server.answer("get_clickable_ui_elements", hostile)
        trees = await session.mobile.get_all_ui_elements()
        assert trees.error_message.startswith("Failed to parse UI elements data: ")
        assert "objects and arrays inside each other" in trees.error_message
        clickable = await session.mobile.get_clickable_ui_elements()
        beginning = "Failed to parse clickable UI elements data: "
        assert clickable.error_message.startswith(beginning)


@pytest.mark.parametrize(
    ("text", "clickable", "trees"),
    [
        ("", "Failed to parse clickable UI elements data: ", "Failed to parse UI elements data: "),
        (
            "<html>",
            "Failed to parse clickable UI elements data: ",
            "Failed to parse UI elements data: ",
        ),
        ("{}", "Failed to get clickable UI elements: ", "Failed to get all UI elements: "),
        ("[5]", "Failed to get clickable UI elements: ", "Failed to get all UI elements: "),
        ("null", "Failed to get clickable UI elements: ", "Failed to get all UI elements: "),
    ],
)
async def test_unreadable_elements(
    server: RecordingServer, session: AsyncSession, text: str, clickable: str, trees: str
) -> None:
    server.answer("get_clickable_ui_elements", text)
    server.answer("get_all_ui_elements", text)
    for result, beginning in (
        (await session.mobile.get_clickable_ui_elements(), clickable),
        (await session.mobile.get_all_ui_elements(), trees),
        (await session.ui.get_all_ui_elements(), trees),
    ):
        assert not result.success
        assert result.error_message.startswith(beginning)
        assert result.raw == text
        with pytest.raises(ProtocolError):
            result.unwrap()


async def test_children_that_are_no_list(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("get_all_ui_elements", '[{"children": {"text": "lost"}}]')
    assert not await session.mobile.get_all_ui_elements()


async def test_applications(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("get_installed_apps", '[{"name": "Notes", "start_cmd": "monkey -p a.b 1"}]')
    server.answer("start_app", '[{"pname": "a.b", "pid": 5}]')
    apps = await session.mobile.get_installed_apps(True, False, True)
    assert apps.unwrap() == [InstalledApp("Notes", "monkey -p a.b 1")]
    started = await session.mobile.start_app("monkey -p a.b 1", activity=".Main")
    assert started.unwrap() == [Process("a.b", 5)]
    assert (await session.mobile.stop_app_by_cmd("a.b")).success
    assert [(call.name, call.arguments) for call in server.calls] == [
        (
            "get_installed_apps",
            {"start_menu": True, "desktop": False, "ignore_system_app": True},
        ),
        ("start_app", {"start_cmd": "monkey -p a.b 1", "activity": ".Main"}),
        ("stop_app_by_cmd", {"stop_cmd": "a.b"}),
    ]


async def test_adb_url(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("GetAdbLink", Data({"Url": "adb connect 10.0.0.5:5555"}))
    result = await session.mobile.get_adb_url("QAAAA ü user@host")
    assert result.unwrap() == "adb connect 10.0.0.5:5555"
    (request,) = server.requests
    assert (request.name, request.arguments) == (
        "GetAdbLink",
        {"SessionId": session.session_id, "Option": r'{"adbkey_pub": "QAAAA \u00fc user@host"}'},
    )


@pytest.mark.parametrize(
    ("answer", "message", "data"),
    [
        (Refusal("InvalidAction", "no phone", 200), "no phone", ""),
        (Data({"Url": "adb connect h"}, {"Success": False, "Message": "no phone"}), "no phone", ""),
        (Data({"Url": "adb connect h"}, {"Success": False, "Message": ""}), "Unknown error", ""),
        (Data(None), "Unknown error", ""),
        (Data({"Url": ""}), "Unknown error", ""),
        (
            Refusal("Thing.NotFound", "gone", 404),
            "Failed to get ADB URL: Thing.NotFound: gone",
            None,
        ),
        (Raw(b"<html>"), "Failed to get ADB URL: ", None),
    ],
)
async def test_adb_url_failures(
    server: RecordingServer,
    session: AsyncSession,
    answer: Answer,
    message: str,
    data: str | None,
) -> None:
    server.answer("GetAdbLink", answer)
    result = await session.mobile.get_adb_url("key")
    assert (result.success, result.data) == (False, data)
    assert result.error_message.startswith(message)
    assert bool(result.error_message) is True


async def test_the_cause_of_a_missing_adb_url_is_kept(
    server: RecordingServer, session: AsyncSession
) -> None:
    server.answer("GetAdbLink", Refusal("Thing.NotFound", "gone", 404))
    with pytest.raises(NotFoundError):
        (await session.mobile.get_adb_url("key")).unwrap()
