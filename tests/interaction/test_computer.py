"""Mouse, keyboard, windows and applications: what is sent, and what the answers mean."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import Any

import pytest

from agentbay import (
    AsyncSession,
    InstalledApp,
    MouseButton,
    ProtocolError,
    ScrollDirection,
    Window,
)
from agentbay.models.computer import Process
from agentbay.testing import RecordingServer, Text

APPS = [
    {"name": "Calculator", "start_cmd": "calc %u", "extra": 1},
    {"name": "Editor", "start_cmd": "ed", "stop_cmd": "ed -q", "work_directory": "/srv"},
    {"name": None, "stop_cmd": None},
]
FOUND_APPS = [
    InstalledApp("Calculator", "calc %u"),
    InstalledApp("Editor", "ed", "ed -q", "/srv"),
    InstalledApp("", ""),
]
PROCESSES = [{"pname": "calc", "pid": 7, "cmdline": "calc x"}, {"pname": "sub"}]
FOUND_PROCESSES = [Process("calc", 7, "calc x"), Process("sub", 0)]
WINDOW = {
    "window_id": 25165827,
    "window_title": "Editor",
    "title": "Editor",
    "absolute_upper_left_x": 40,
    "absolute_upper_left_y": -60,
    "width": 800,
    "height": 600,
    "pid": 812,
    "pname": "gedit",
    "child_windows": [{"window_id": 2, "title": "old name", "child_windows": None}],
}
FOUND_WINDOW = Window(25165827, "Editor", 40, -60, 800, 600, 812, "gedit", [Window(2, "old name")])

Arguments = dict[str, Any]

# Member, its arguments, what is sent, and the message of a tool that fails without a word.
ACTIONS: list[tuple[str, list[Any], Arguments, str]] = [
    ("click_mouse", [1, 2], {"x": 1, "y": 2, "button": "left"}, "click mouse"),
    (
        "click_mouse",
        [1, 2, MouseButton.DOUBLE_LEFT],
        {"x": 1, "y": 2, "button": "double_left"},
        "click mouse",
    ),
    ("click_mouse", [0, 0, "middle"], {"x": 0, "y": 0, "button": "middle"}, "click mouse"),
    ("move_mouse", [400, 300], {"x": 400, "y": 300}, "move mouse"),
    (
        "drag_mouse",
        [1, 2, 3, 4, MouseButton.RIGHT],
        {"from_x": 1, "from_y": 2, "to_x": 3, "to_y": 4, "button": "right"},
        "drag mouse",
    ),
    ("scroll", [5, 6], {"x": 5, "y": 6, "direction": "up", "amount": 1}, "scroll"),
    (
        "scroll",
        [5, 6, ScrollDirection.LEFT, 3],
        {"x": 5, "y": 6, "direction": "left", "amount": 3},
        "scroll",
    ),
    ("input_text", ["Grüße 你好"], {"text": "Grüße 你好"}, "input text"),
    ("press_keys", [["CTRL", "C"]], {"keys": ["Ctrl", "c"], "hold": False}, "press keys"),
    ("press_keys", ["enter", True], {"keys": ["Enter"], "hold": True}, "press keys"),
    ("release_keys", [["CTRL"]], {"keys": ["CTRL"]}, "release keys"),
    ("release_keys", ["Ctrl"], {"keys": ["Ctrl"]}, "release keys"),
    ("activate_window", [7], {"window_id": 7}, "activate window"),
    ("close_window", [7], {"window_id": 7}, "close window"),
    ("maximize_window", [7], {"window_id": 7}, "maximize window"),
    ("minimize_window", [7], {"window_id": 7}, "minimize window"),
    ("restore_window", [7], {"window_id": 7}, "restore window"),
    ("fullscreen_window", [7], {"window_id": 7}, "fullscreen window"),
    (
        "resize_window",
        [7, 800, 600],
        {"window_id": 7, "width": 800, "height": 600},
        "resize window",
    ),
    ("focus_mode", [True], {"on": True}, "toggle focus mode"),
]
STOPS: list[tuple[str, list[Any], Arguments]] = [
    ("stop_app_by_pname", ["calc"], {"pname": "calc"}),
    ("stop_app_by_pid", [2301], {"pid": 2301}),
    ("stop_app_by_cmd", ["calc --quit"], {"stop_cmd": "calc --quit"}),
]

# Member, its arguments, what is sent, an answer, and what the answer means.
QUESTIONS: list[tuple[str, list[Any], Arguments, str, Any]] = [
    ("get_cursor_position", [], {}, '{"x":400,"y":300}', '{"x":400,"y":300}'),
    (
        "get_screen_size",
        [],
        {},
        '{"width":1280,"height":800,"dpiScalingFactor":1.5}',
        {"width": 1280, "height": 800, "dpiScalingFactor": 1.5},
    ),
    ("get_screen_size", [], {}, "", None),
    ("list_root_windows", [], {"timeout_ms": 3000}, json.dumps([WINDOW]), [FOUND_WINDOW]),
    ("list_root_windows", [50], {"timeout_ms": 50}, "[]", []),
    ("list_root_windows", [], {"timeout_ms": 3000}, "", []),
    ("get_active_window", [], {}, json.dumps(WINDOW), FOUND_WINDOW),
    ("get_active_window", [], {}, "{}", Window(0, "")),
    ("get_active_window", [], {}, " \n", None),
    (
        "get_installed_apps",
        [],
        {"start_menu": True, "desktop": False, "ignore_system_app": True},
        json.dumps(APPS),
        FOUND_APPS,
    ),
    (
        "get_installed_apps",
        [False, True, False],
        {"start_menu": False, "desktop": True, "ignore_system_app": False},
        "[]",
        [],
    ),
    ("start_app", ["calc"], {"start_cmd": "calc"}, json.dumps(PROCESSES), FOUND_PROCESSES),
    (
        "start_app",
        ["calc", "/tmp", ".Main"],
        {"start_cmd": "calc", "work_directory": "/tmp", "activity": ".Main"},
        "[]",
        [],
    ),
    ("list_visible_apps", [], {}, json.dumps(PROCESSES), FOUND_PROCESSES),
]

# Member, what begins the messages of unreadable answers: no JSON, and other JSON than expected.
UNREADABLE = [
    ("get_screen_size", [], "Failed to parse screen size JSON: ", "Failed to get screen size: "),
    ("list_root_windows", [], "Failed to parse windows JSON: ", "Failed to list root windows: "),
    ("get_active_window", [], "Failed to parse window JSON: ", "Failed to get active window: "),
    (
        "get_installed_apps",
        [],
        "Failed to parse applications JSON: ",
        "Failed to get installed apps: ",
    ),
    ("start_app", ["x"], "Failed to parse processes JSON: ", "Failed to start app: "),
    ("list_visible_apps", [], "Failed to parse processes JSON: ", "Failed to list visible apps: "),
]


@pytest.mark.parametrize(("member", "given", "sent", "doing"), ACTIONS)
async def test_action(
    server: RecordingServer,
    session: AsyncSession,
    member: str,
    given: list[Any],
    sent: Arguments,
    doing: str,
) -> None:
    server.answer(member, "whatever", Text("no such point", is_error=True), Text("", is_error=True))
    call = getattr(session.computer, member)
    done = await call(*given)
    assert (done.success, done.data, done.error_message) == (True, True, "")
    assert done.request_id
    refused = await call(*given)
    assert (refused.success, refused.data) == (False, None)
    assert refused.error_message == "no such point"
    assert refused.request_id
    assert (await call(*given)).error_message == f"Failed to {doing}"
    assert [(call.name, call.arguments) for call in server.calls] == [(member, sent)] * 3
    assert {call.server for call in server.calls} == {"wuying_ui"}


@pytest.mark.parametrize(("member", "given", "sent"), STOPS)
async def test_stopping_an_application(
    server: RecordingServer, session: AsyncSession, member: str, given: list[Any], sent: Arguments
) -> None:
    server.answer(member, "true", Text("no such process", is_error=True))
    call = getattr(session.computer, member)
    assert (await call(*given)).success
    refused = await call(*given)
    assert (refused.success, refused.error_message) == (False, "no such process")
    assert [(call.name, call.arguments) for call in server.calls] == [(member, sent)] * 2
    assert {call.server for call in server.calls} == {"wuying_app"}


@pytest.mark.parametrize(("member", "given", "sent", "answer", "meaning"), QUESTIONS)
async def test_question(
    server: RecordingServer,
    session: AsyncSession,
    member: str,
    given: list[Any],
    sent: Arguments,
    answer: str,
    meaning: Any,
) -> None:
    server.answer(member, answer, Text("nothing there", is_error=True))
    call = getattr(session.computer, member)
    found = await call(*given)
    assert (found.success, found.error_message) == (True, "")
    assert found.unwrap() == meaning
    assert found.request_id
    refused = await call(*given)
    assert (refused.success, refused.error_message) == (False, "nothing there")
    assert [(call.name, call.arguments) for call in server.calls] == [(member, sent)] * 2


@pytest.mark.parametrize(("member", "given", "no_json", "other_json"), UNREADABLE)
async def test_unreadable_answer(
    server: RecordingServer,
    session: AsyncSession,
    member: str,
    given: list[Any],
    no_json: str,
    other_json: str,
) -> None:
    server.answer(member, "<html>", '[{"window_id', "[" * 5000, '"text"')
    call = getattr(session.computer, member)
    for beginning in (no_json, no_json, no_json, other_json):
        result = await call(*given)
        assert not result.success
        assert result.error_message.startswith(beginning)
        assert result.request_id
        with pytest.raises(ProtocolError):
            result.unwrap()


@pytest.mark.parametrize("text", ["", "null", "[null]"])
async def test_lists_of_applications_are_never_empty_by_mistake(
    server: RecordingServer, session: AsyncSession, text: str
) -> None:
    for member in ("get_installed_apps", "list_visible_apps"):
        server.answer(member, text)
        assert not await getattr(session.computer, member)()


async def test_a_wrong_field_is_named(server: RecordingServer, session: AsyncSession) -> None:
    server.answer("list_root_windows", '[{"child_windows": [{"pid": "many"}]}]')
    result = await session.computer.list_root_windows()
    assert (
        "item 0 cannot be read: expected a whole number @ $.child_windows[0].pid"
        in result.error_message
    )


@pytest.mark.parametrize(
    ("member", "given", "problem"),
    [
        (
            "click_mouse",
            [1, 2, "wheel"],
            "Invalid button 'wheel'. Must be one of ['left', 'right', 'middle', 'double_left']",
        ),
        (
            "drag_mouse",
            [1, 2, 3, 4, MouseButton.DOUBLE_LEFT],
            "Invalid button 'double_left'. Must be one of ['left', 'right', 'middle']",
        ),
        (
            "scroll",
            [1, 2, "sideways"],
            "Invalid direction 'sideways'. Must be one of ['up', 'down', 'left', 'right']",
        ),
    ],
)
async def test_wrong_choices_are_refused_before_anything_is_sent(
    server: RecordingServer, session: AsyncSession, member: str, given: list[Any], problem: str
) -> None:
    with pytest.raises(ValueError, match="Invalid") as caught:
        await getattr(session.computer, member)(*given)
    assert str(caught.value) == problem
    assert server.calls == []


async def test_arguments_that_are_no_json_are_a_failure(
    server: RecordingServer, session: AsyncSession
) -> None:
    unsendable: Any = object()
    result = await session.computer.move_mouse(unsendable, 1)
    assert not result.success
    assert "move_mouse" in str(result.exception)
    assert server.calls == []


@pytest.mark.parametrize(
    ("path", "given", "tool", "sent", "answer"),
    [
        ("window.list_root_windows", [], "list_root_windows", {"timeout_ms": 3000}, "[]"),
        ("window.get_active_window", [], "get_active_window", {"timeout_ms": 3000}, "{}"),
        *(
            (f"window.{name}", [5], name, {"window_id": 5}, "")
            for name in (
                "activate_window",
                "maximize_window",
                "minimize_window",
                "restore_window",
                "close_window",
                "fullscreen_window",
            )
        ),
        (
            "window.resize_window",
            [5, 6, 7],
            "resize_window",
            {"window_id": 5, "width": 6, "height": 7},
            "",
        ),
        ("window.focus_mode", [False], "focus_mode", {"on": False}, ""),
        (
            "application.get_installed_apps",
            [True, False, True],
            "get_installed_apps",
            {"start_menu": True, "desktop": False, "ignore_system_app": True},
            "[]",
        ),
        ("application.start_app", ["a"], "start_app", {"start_cmd": "a"}, "[]"),
        ("application.list_visible_apps", [], "list_visible_apps", {}, "[]"),
        ("application.stop_app_by_pname", ["a"], "stop_app_by_pname", {"pname": "a"}, ""),
        ("application.stop_app_by_pid", [5], "stop_app_by_pid", {"pid": 5}, ""),
        ("application.stop_app_by_cmd", ["a"], "stop_app_by_cmd", {"stop_cmd": "a"}, ""),
    ],
)
async def test_older_names(
    server: RecordingServer,
    session: AsyncSession,
    path: str,
    given: list[Any],
    tool: str,
    sent: Arguments,
    answer: str,
) -> None:
    server.answer(tool, answer, Text("it does not work", is_error=True))
    call: Any = attrgetter(path)(session)
    assert await call(*given)
    assert (await call(*given)).error_message == "it does not work"
    assert [(call.name, call.arguments) for call in server.calls] == [(tool, sent)] * 2


async def test_handles_know_their_session(session: AsyncSession) -> None:
    for name in ("computer", "mobile", "application", "window", "ui"):
        handle = getattr(session, name)
        assert handle == getattr(session, name)
        assert handle.session == session
