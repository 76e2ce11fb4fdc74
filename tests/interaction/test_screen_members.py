"""Every member of desktops and phones that the reference names is there, with its parameters."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

import agentbay
from agentbay.models import computer, mobile, screenshots

SIMPLE = ("activate", "close", "fullscreen", "maximize", "minimize", "restore")
WINDOW = {
    "list_root_windows": "timeout_ms=3000",
    **{f"{name}_window": "window_id" for name in SIMPLE},
    "resize_window": "window_id, width, height",
    "focus_mode": "on",
}
START = "start_cmd, work_directory='', activity=''"
STOPS = {
    "stop_app_by_pname": "pname",
    "stop_app_by_pid": "pid",
    "stop_app_by_cmd": "stop_cmd",
}
APPS = "start_menu, desktop, ignore_system_apps"
SWIPE = "start_x, start_y, end_x, end_y, duration_ms=300"
CLASSES: Mapping[str, Mapping[str, str]] = {
    "Computer": {
        "click_mouse": "x, y, button='left'",
        "move_mouse": "x, y",
        "drag_mouse": "from_x, from_y, to_x, to_y, button='left'",
        "scroll": "x, y, direction='up', amount=1",
        "get_cursor_position": "",
        "input_text": "text",
        "press_keys": "keys, hold=False",
        "release_keys": "keys",
        "get_screen_size": "",
        "screenshot": "",
        "beta_take_screenshot": "format='png'",
        **WINDOW,
        "get_active_window": "",
        "get_installed_apps": "start_menu=True, desktop=False, ignore_system_apps=True",
        "start_app": START,
        "list_visible_apps": "",
        **STOPS,
    },
    "Mobile": {
        "tap": "x, y",
        "swipe": SWIPE,
        "input_text": "text",
        "send_key": "key",
        "screenshot": "",
        "beta_take_screenshot": "format='png'",
        "beta_take_long_screenshot": "max_screens=4, format='png', quality=None",
        "get_clickable_ui_elements": "timeout_ms=2000",
        "get_all_ui_elements": "timeout_ms=2000, format='json'",
        "get_installed_apps": APPS,
        "start_app": START,
        "stop_app_by_cmd": "stop_cmd",
        "get_adb_url": "adbkey_pub",
        "configure": "mobile_config",
        "set_resolution_lock": "enable",
        "set_app_whitelist": "package_names",
        "set_app_blacklist": "package_names",
        "set_uninstall_blacklist": "package_names",
        "set_navigation_bar_visibility": "hide",
    },
    "ApplicationManager": {
        "get_installed_apps": APPS,
        "start_app": START,
        "list_visible_apps": "",
        **STOPS,
    },
    "WindowManager": {**WINDOW, "get_active_window": "timeout_ms=3000"},
    "UI": {
        "get_clickable_ui_elements": "timeout_ms=2000",
        "get_all_ui_elements": "timeout_ms=2000",
        "send_key": "key",
        "input_text": "text",
        "swipe": SWIPE,
        "click": "x, y, button='left'",
        "screenshot": "",
    },
    "MobileSimulateService": {
        "has_mobile_info": "context_sync",
        "upload_mobile_info": "mobile_dev_info_content, context_sync=None",
    },
}
PLAIN: Mapping[str, str] = {
    "set_simulate_enable": "enable",
    "get_simulate_enable": "",
    "set_simulate_mode": "mode",
    "get_simulate_mode": "",
    "set_simulate_context_id": "context_id",
    "get_simulate_context_id": "",
    "get_simulate_config": "",
}


def shown(member: Any) -> str:
    """Return the parameters with their defaults, enum members as the values they are."""
    words = []
    for name, parameter in inspect.signature(member).parameters.items():
        default = parameter.default
        if isinstance(default, enum.Enum):
            default = default.value
        words.append(name if default is inspect.Parameter.empty else f"{name}={default!r}")
    return ", ".join(words[1:])


@pytest.mark.parametrize("name", CLASSES)
def test_members(name: str) -> None:
    for cls, is_async in ((f"Async{name}", True), (name, False)):
        found = getattr(agentbay, cls)
        for member, parameters in CLASSES[name].items():
            function = getattr(found, member)
            assert shown(function) == parameters, f"{cls}.{member}"
            assert inspect.iscoroutinefunction(function) is is_async


def test_plain_members_of_the_simulation() -> None:
    for cls in (agentbay.MobileSimulateService, agentbay.AsyncMobileSimulateService):
        for member, parameters in PLAIN.items():
            function = getattr(cls, member)
            assert shown(function) == parameters
            assert not inspect.iscoroutinefunction(function)


FIELDS: Mapping[type[Any], str] = {
    computer.WindowListResult: "request_id success windows error_message",
    computer.WindowInfoResult: "request_id success window error_message",
    computer.InstalledAppListResult: "request_id success data error_message",
    computer.ProcessListResult: "request_id success data error_message",
    computer.AppOperationResult: "request_id success error_message",
    mobile.UIElementListResult: "request_id success elements raw format error_message",
    mobile.AdbUrlResult: "request_id success error_message data",
    mobile.MobileSimulateUploadResult: "success mobile_simulate_context_id error_message",
    screenshots.ScreenshotResult: (
        "request_id success error_message type data mime_type width height"
    ),
    computer.InstalledApp: "name start_cmd stop_cmd work_directory",
    computer.Process: "pname pid cmdline",
    computer.Window: (
        "window_id title absolute_upper_left_x absolute_upper_left_y width height pid pname "
        "child_windows"
    ),
}


@pytest.mark.parametrize("model", FIELDS, ids=lambda model: model.__name__)
def test_fields_are_in_their_documented_order(model: type[Any]) -> None:
    positional = [field.name for field in attrs.fields(model) if not field.kw_only]
    assert positional == FIELDS[model].split()


def test_lists_are_fresh() -> None:
    first, second = computer.WindowListResult(), computer.WindowListResult()
    first.windows.append(computer.Window(1, "one"))
    assert second.windows == []
    assert computer.Window(1, "one").child_windows is not computer.Window(1, "one").child_windows


def test_an_application_shows_itself() -> None:
    app = computer.InstalledApp("Notes", "notes %u", None, "/srv")
    expected = (
        "InstalledApp(name='Notes', start_cmd='notes %u', stop_cmd=None, work_directory='/srv')"
    )
    assert repr(app) == expected
