"""Calls every member that the public client and this package both have, one after the other.

A program for either of them, with nothing but the standard library besides: its arguments are an
endpoint and an API key. Before each step it sends a request that nobody knows, to tell the
recording server which requests belong to the step. What a step raises is printed, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import agentbay as sdk

MARKER = "NextStep"


def mark(name: str) -> None:
    query = urllib.parse.urlencode({"Action": MARKER, "Step": name})
    try:
        urllib.request.urlopen(f"{ENDPOINT}/?{query}", data=b"", timeout=30).close()
    except urllib.error.HTTPError as exc:
        exc.close()  # it refuses what it does not know, and remembers it


def run(name: str, step: Callable[[], object]) -> str:
    """Run a step and return what it raised."""
    mark(name)
    try:
        step()
    except Exception as exc:  # noqa: BLE001 - the two clients' errors are compared
        return f"{type(exc).__name__}: {exc}"
    return ""


def client_steps(bay: Any) -> dict[str, Callable[[], object]]:
    def create(**params: Any) -> Any:
        return bay.create(sdk.CreateSessionParams(**params)).session

    sync = sdk.ContextSync.new("SdkCtx-1", "/mnt/data", sdk.SyncPolicy())
    return {
        "create": bay.create,
        "create image": lambda: create(image_id="linux_latest"),
        "create labels": lambda: create(image_id="linux_latest", labels={"env": "tést", "n": "1"}),
        "create idle": lambda: create(image_id="linux_latest", idle_release_timeout=300),
        "create policy": lambda: create(image_id="code_latest", policy_id="policy-1"),
        "create context": lambda: create(context_syncs=[sync]),
        "create replay": lambda: create(enable_browser_replay=True),
        "create no replay": lambda: create(enable_browser_replay=False),
        "create browser context": lambda: create(
            browser_context=sdk.BrowserContext("SdkCtx-2", auto_upload=True)
        ),
        "create network": lambda: create(beta_network_id="net-1"),
        "create skills": lambda: create(load_skills=True, skill_names=["a", "b"]),
        "create mobile": lambda: create(
            image_id="mobile_latest",
            extra_configs=sdk.ExtraConfigs(
                mobile=sdk.MobileExtraConfig(
                    lock_resolution=True,
                    hide_navigation_bar=False,
                    app_manager_rule=sdk.AppManagerRule("White", ["com.a", "com.b"]),
                )
            ),
        ),
        "get": lambda: bay.get("s-1"),
        "list": bay.list,
        "list labels": lambda: bay.list({"env": "tést"}, limit=5),
        "list page": lambda: bay.list({}, page=2, limit=3),
        "list status": lambda: bay.list(status="RUNNING", limit=1),
        "network token": bay.beta_network.get_network_bind_token,
        "network token again": lambda: bay.beta_network.get_network_bind_token("net-1"),
        "network describe": lambda: bay.beta_network.describe("net-1"),
        "skills of image": lambda: bay.beta_skills.get_metadata(image_id="linux_latest"),
        "skills by name": lambda: bay.beta_skills.get_metadata(skill_names=["ä", "b"]),
        "skills by id": lambda: bay.beta_skills.get_metadata(skill_ids=["builtin:web_search"]),
        "skills bind": lambda: bay.beta_skills.bind_context([SKILL]),
        "skills unbind": lambda: bay.beta_skills.unbind_context([SKILL]),
    }


SKILL = {"context_id": "SdkCtx-1", "skill_ids": ["sk_1"], "path": "/skills"}


def context_steps(bay: Any) -> dict[str, Callable[[], object]]:
    contexts = bay.context
    context = sdk.Context(id="SdkCtx-1", name="renamed")
    params = sdk.ContextListParams(max_results=5, next_token="t")
    return {
        "context list": contexts.list,
        "context list params": lambda: contexts.list(params),
        "context get": lambda: contexts.get("name-1"),
        "context get by id": lambda: contexts.get(context_id="SdkCtx-1"),
        "context get or create": lambda: contexts.get("name-1", create=True),
        "context create": lambda: contexts.create("name-1"),
        "context update": lambda: contexts.update(context),
        "context delete": lambda: contexts.delete(context),
        "context upload url": lambda: contexts.get_file_upload_url("SdkCtx-1", "/a b"),
        "context download url": lambda: contexts.get_file_download_url("SdkCtx-1", "/ä"),
        "context delete file": lambda: contexts.delete_file("SdkCtx-1", "/a"),
        "context list files": lambda: contexts.list_files("SdkCtx-1", "/"),
        "context list files page": lambda: contexts.list_files("SdkCtx-1", "/d", 2, 10),
        "context list files token": lambda: contexts.list_files(
            "SdkCtx-1", "/d", max_results=10, next_token="n"
        ),
        "context clear start": lambda: contexts.clear_async("SdkCtx-1"),
        "context clear status": lambda: contexts.get_clear_status("SdkCtx-1"),
        "context clear": lambda: contexts.clear("SdkCtx-1", poll_interval=0.01),
    }


def session_steps(session: Any) -> dict[str, Callable[[], object]]:
    sync = sdk.ContextSync.new("SdkCtx-1", "/mnt/data", sdk.SyncPolicy())
    return {
        "labels set": lambda: session.set_labels({"a": "b", "ü": "ß"}),
        "labels get": session.get_labels,
        "info": session.info,
        "link": session.get_link,
        "link port": lambda: session.get_link("https", 30100),
        "link options": lambda: session.get_link("wss", 30101, '{"a": 1}'),
        "tools": session.list_mcp_tools,
        "tools of image": lambda: session.list_mcp_tools("code_latest"),
        "status": session.get_status,
        "keep alive": session.keep_alive,
        "metrics": session.get_metrics,
        "call tool": lambda: session.call_mcp_tool("a_tool", {"a": [1, None, "ä"], "b": {}}),
        "call keys": lambda: session.call_mcp_tool("press_keys", {"keys": ["CTRL", "enter"]}),
        "pause": lambda: session.beta_pause(poll_interval=0.01),
        "resume": lambda: session.beta_resume(poll_interval=0.01),
        "session context info": session.context.info,
        "session context info filtered": lambda: session.context.info(
            "SdkCtx-1", "/mnt/data", "upload"
        ),
        "session context sync": session.context.sync,
        "session context sync one": lambda: session.context.sync(
            "SdkCtx-1", "/mnt/data", mode="upload"
        ),
        "session context bind": lambda: session.context.bind(sync, wait_for_completion=False),
        "session context bindings": session.context.list_bindings,
    }


def workspace_steps(session: Any) -> dict[str, Callable[[], object]]:
    fs, code, oss = session.file_system, session.code, session.oss
    edits = [{"oldText": "a", "newText": "b"}]
    return {
        "command": lambda: session.command.execute_command("echo 'ä'"),
        "command options": lambda: session.command.execute_command(
            "ls", timeout_ms=9000, cwd="/tmp", envs={"A": "x y"}
        ),
        "code": lambda: code.run_code("print(1)", "python"),
        "code alias": lambda: code.run_code("1", "JS", timeout_s=30),
        "fs create directory": lambda: fs.create_directory("/d"),
        "fs delete": lambda: fs.delete_file("/d/f"),
        "fs edit": lambda: fs.edit_file("/f", edits),
        "fs edit dry": lambda: fs.edit_file("/f", edits, dry_run=True),
        "fs info": lambda: fs.get_file_info("/f"),
        "fs list": lambda: fs.list_directory("/d"),
        "fs move": lambda: fs.move_file("/a", "/b"),
        "fs read": lambda: fs.read_file("/f"),
        "fs read bytes": lambda: fs.read_file("/f", format="bytes"),
        "fs read multiple": lambda: fs.read_multiple_files(["/a", "/b"]),
        "fs search": lambda: fs.search_files("/d", "*.py"),
        "fs search without": lambda: fs.search_files("/d", "*.py", ["x*"]),
        "fs write": lambda: fs.write_file("/f", "täxt"),
        "fs append": lambda: fs.write_file("/f", "text", "append"),
        "fs write large": lambda: fs.write_file("/f", "ä" * 60_000),
        "env set": lambda: session.env.set({"A": "b c"}),
        "env get": lambda: session.env.get(["A"]),
        "env get all": session.env.get,
        "oss init": lambda: oss.env_init("id", "secret", "token"),
        "oss init region": lambda: oss.env_init("id", "secret", "token", "host", "cn-hangzhou"),
        "oss upload": lambda: oss.upload("b", "o", "/f"),
        "oss upload anonymous": lambda: oss.upload_anonymous("https://h.example/f", "/f"),
        "oss download": lambda: oss.download("b", "o", "/f"),
        "oss download anonymous": lambda: oss.download_anonymous("https://h.example/f", "/f"),
    }


def computer_steps(session: Any) -> dict[str, Callable[[], object]]:
    computer = session.computer
    return {
        "click": lambda: computer.click_mouse(1, 2),
        "click right": lambda: computer.click_mouse(1, 2, sdk.MouseButton.RIGHT),
        "click double": lambda: computer.click_mouse(1, 2, "double_left"),
        "move": lambda: computer.move_mouse(3, 4),
        "drag": lambda: computer.drag_mouse(1, 2, 3, 4),
        "drag middle": lambda: computer.drag_mouse(1, 2, 3, 4, "middle"),
        "scroll": lambda: computer.scroll(1, 2),
        "scroll down": lambda: computer.scroll(1, 2, sdk.ScrollDirection.DOWN, 3),
        "cursor": computer.get_cursor_position,
        "input text": lambda: computer.input_text("tippen ä"),
        "press": lambda: computer.press_keys(["ctrl", "C"]),
        "press hold": lambda: computer.press_keys(["shift"], hold=True),
        "release": lambda: computer.release_keys(["Shift"]),
        "screen size": computer.get_screen_size,
        "screenshot": computer.screenshot,
        "screenshot bytes": computer.beta_take_screenshot,
        "screenshot jpeg": lambda: computer.beta_take_screenshot("jpg"),
        "windows": computer.list_root_windows,
        "window active": computer.get_active_window,
        "window activate": lambda: computer.activate_window(7),
        "window close": lambda: computer.close_window(7),
        "window maximize": lambda: computer.maximize_window(7),
        "window minimize": lambda: computer.minimize_window(7),
        "window restore": lambda: computer.restore_window(7),
        "window resize": lambda: computer.resize_window(7, 100, 200),
        "window fullscreen": lambda: computer.fullscreen_window(7),
        "focus mode": lambda: computer.focus_mode(True),
        "apps installed": computer.get_installed_apps,
        "apps installed all": lambda: computer.get_installed_apps(False, True, False),
        "app start": lambda: computer.start_app("xterm"),
        "app start in": lambda: computer.start_app("xterm", "/tmp", ".Activity"),
        "apps visible": computer.list_visible_apps,
        "app stop name": lambda: computer.stop_app_by_pname("xterm"),
        "app stop pid": lambda: computer.stop_app_by_pid(12),
        "app stop command": lambda: computer.stop_app_by_cmd("pkill xterm"),
    }


def mobile_steps(session: Any) -> dict[str, Callable[[], object]]:
    mobile = session.mobile
    return {
        "mobile tap": lambda: mobile.tap(1, 2),
        "mobile swipe": lambda: mobile.swipe(1, 2, 3, 4),
        "mobile swipe slow": lambda: mobile.swipe(1, 2, 3, 4, 900),
        "mobile text": lambda: mobile.input_text("ä"),
        "mobile key": lambda: mobile.send_key(3),
        "mobile screenshot": mobile.screenshot,
        "mobile screenshot bytes": mobile.beta_take_screenshot,
        "mobile screenshot long": lambda: mobile.beta_take_long_screenshot(3, "jpeg", 80),
        "mobile clickable": mobile.get_clickable_ui_elements,
        "mobile elements": mobile.get_all_ui_elements,
        "mobile elements xml": lambda: mobile.get_all_ui_elements(500, format="xml"),
        "mobile apps": lambda: mobile.get_installed_apps(True, False, True),
        "mobile start": lambda: mobile.start_app("monkey -p com.a 1", activity=".Main"),
        "mobile stop": lambda: mobile.stop_app_by_cmd("com.a"),
        "mobile adb": lambda: mobile.get_adb_url("key ä"),
        "mobile resolution": lambda: mobile.set_resolution_lock(True),
        "mobile whitelist": lambda: mobile.set_app_whitelist(["com.a", "com.b"]),
        "mobile blacklist": lambda: mobile.set_app_blacklist(["com.a"]),
        "mobile bar": lambda: mobile.set_navigation_bar_visibility(True),
    }


class Price:
    """A schema without pydantic, which not both environments have."""

    def __init__(self, price: int) -> None:
        self.price = price

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"type": "object", "properties": {"price": {"type": "integer"}}}

    @classmethod
    def model_validate(cls, value: dict[str, Any]) -> Price:
        return cls(value["price"])


def browser_steps(session: Any) -> dict[str, Callable[[], object]]:
    browser = session.browser
    operator = browser.operator
    option = sdk.BrowserOption(
        use_stealth=True,
        user_agent="agent ä",
        viewport=sdk.BrowserViewport(800, 600),
        screen=sdk.BrowserScreen(1024, 768),
        fingerprint=sdk.BrowserFingerprint(["desktop"], ["linux"], ["en-US"]),
        proxies=[sdk.BrowserProxy("custom", "http://p.example:1", "u", "p")],
        browser_type="chrome",
        cmd_args=["--a"],
        default_navigate_url="https://example.com",
    )
    act = sdk.ActOptions("click it", variables={"a": "b"}, use_vision=True, timeout=20)
    observe = sdk.ObserveOptions("find it", use_vision=False, timeout=20)
    found = sdk.ObserveResult("#a", "a link", "click", {"x": 1})
    return {
        "browser initialize": lambda: browser.initialize(option),
        "browser endpoint": browser.get_endpoint_url,
        "operator navigate": lambda: operator.navigate("https://example.com/ä"),
        "operator screenshot": operator.screenshot,
        "operator screenshot clip": lambda: operator.screenshot(
            None, False, 50, {"x": 0, "y": 0, "width": 1, "height": 2}, 10
        ),
        "operator act": lambda: operator.act(act),
        "operator act on": lambda: operator.act(found),
        "operator observe": lambda: operator.observe(observe),
        "operator extract": lambda: operator.extract(
            sdk.ExtractOptions("the price", Price, use_text_extract=True, selector="#a", timeout=20)
        ),
        "operator login": lambda: operator.login('{"api_key": "k"}'),
        "operator close": operator.close,
        "browser destroy": browser.destroy,
        "browser initialize again": lambda: browser.initialize(sdk.BrowserOption()),
    }


def agent_steps(session: Any) -> dict[str, Callable[[], object]]:
    agent = session.agent
    return {
        "agent computer": lambda: agent.computer.execute_task("open ä"),
        "agent computer wait": lambda: agent.computer.execute_task_and_wait("open", 30),
        "agent computer status": lambda: agent.computer.get_task_status("t-1"),
        "agent computer stop": lambda: agent.computer.terminate_task("t-1"),
        "agent browser start": lambda: agent.browser.initialize(sdk.BrowserOption()),
        "agent browser": lambda: agent.browser.execute_task("look"),
        "agent browser vision": lambda: agent.browser.execute_task(
            "look", use_vision=True, full_page_screenshot=True
        ),
        "agent browser wait": lambda: agent.browser.execute_task_and_wait("look", 30),
        "agent browser status": lambda: agent.browser.get_task_status("t-1"),
        "agent browser stop": lambda: agent.browser.terminate_task("t-1"),
        "agent mobile": lambda: agent.mobile.execute_task("open").wait(30),
        "agent mobile wait": lambda: agent.mobile.execute_task_and_wait("open", 30, 7),
        "agent mobile status": lambda: agent.mobile.get_task_status("m-1"),
        "agent mobile stop": lambda: agent.mobile.terminate_task("m-1"),
    }


def channel_steps(session: Any) -> dict[str, Callable[[], object]]:
    """No agent asks its user here: the blocking public client hangs when it answers one."""

    def drive_terminal() -> None:
        handle = session.pty.create(100, 30, cwd="/tmp", envs={"A": "b"}, shell="/bin/sh")
        handle.send_input("ä\n".encode())
        handle.send_input(b"\xff")
        handle.resize(120, 40)
        handle.kill()

    def notify() -> None:
        session.browser.send_takeover_done(7)
        session.pty.list()  # it has an answer, so what was sent before has arrived

    mobile = session.agent.mobile
    return {
        "code stream": lambda: session.code.run_code(
            "1", "python", stream_beta=True, on_stdout=lambda _: None
        ),
        "agent mobile stream": lambda: mobile.execute_task(
            "open", 7, on_content=lambda _: None
        ).wait(30),
        "pty": session.pty.create,
        "pty use": drive_terminal,
        "pty list": session.pty.list,
        "pty connect": lambda: session.pty.connect("p-1"),
        "pty kill": lambda: session.pty.kill("p-1"),
        "browser takeover": notify,
    }


def main() -> None:
    config = sdk.Config(endpoint=ENDPOINT, timeout_ms=20_000)
    bay: Any = sdk.AgentBay(api_key=KEY, cfg=config)
    session = bay.create(sdk.CreateSessionParams(image_id="linux_latest")).session
    raised = {}
    for part in (
        client_steps(bay),
        context_steps(bay),
        session_steps(session),
        workspace_steps(session),
        computer_steps(session),
        mobile_steps(session),
        browser_steps(session),
        agent_steps(session),
        channel_steps(session),
        {"delete": session.delete},
    ):
        for name, step in part.items():
            raised[name] = run(name, step)
    print(json.dumps(raised), flush=True)  # noqa: T201 - the result of the program
    os._exit(0)  # the public client leaves threads behind


if __name__ == "__main__":
    ENDPOINT, KEY = sys.argv[1:]
    main()
