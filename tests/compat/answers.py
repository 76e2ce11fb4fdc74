"""What the recording server answers to both clients: of each kind of answer, a whole one."""

from __future__ import annotations

import base64
import json
from typing import Any

from agentbay.testing import Data, Frames, Recorded, RecordingServer, Route, Text

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
JPEG = b"\xff\xd8\xff" + b"\x00" * 16


def _image(data: bytes, kind: str) -> str:
    encoded = base64.b64encode(data).decode()
    return json.dumps({"type": "image", "mime_type": f"image/{kind}", "data": encoded})


TEXTS: dict[str, Any] = {
    "browser_use_execute_task": {"task_id": "t-1"},
    "browser_use_get_task_status": {"task_id": "t-1", "status": "finished", "product": "{}"},
    "browser_use_terminate_task": {"task_id": "t-1", "status": "finished"},
    "execute_task": {"taskId": "m-1", "status": "running"},
    "flux_execute_task": {"task_id": "t-1"},
    "flux_get_task_status": {"task_id": "t-1", "status": "finished", "product": "done"},
    "flux_terminate_task": {"task_id": "t-1", "status": "finished"},
    "get_active_window": {"window_id": 7, "title": "a", "window_title": "a"},
    "get_all_ui_elements": [],
    "get_clickable_ui_elements": [],
    "get_cursor_position": {"x": 1, "y": 2},
    "get_file_info": "name: f\nsize: 3\nisDirectory: false\n",
    "get_installed_apps": [],
    "get_metrics": {"cpu_count": 1},
    "get_screen_size": {"width": 1, "height": 2, "dpiScalingFactor": 1},
    "get_task_status": {"taskId": "m-1", "status": "completed", "result": "done"},
    "list_directory": "[FILE] a\n[DIR] b\n",
    "list_root_windows": [],
    "list_visible_apps": [],
    "long_screenshot": _image(JPEG, "jpeg"),
    "page_use_act_async": {"task_id": "p-1"},
    "page_use_get_act_result": {"is_done": True, "success": True, "steps": "clicked"},
    "page_use_extract_async": {"task_id": "p-3"},
    "page_use_get_extract_result": {"price": 1},
    "page_use_get_observe_result": [],
    "page_use_observe_async": {"task_id": "p-2"},
    "start_app": [],
    "terminate_task": {"taskId": "m-1", "status": "cancelling"},
}


CONTEXT_STATUS = {
    "type": "data",
    "data": json.dumps(
        [
            {
                "contextId": context_id,
                "path": "/mnt/data",
                "status": "Success",
                "taskType": task,
                "startTime": 1,
                "finishTime": 2,
            }
            for context_id in ("SdkCtx-1", "SdkCtx-2")
            for task in ("upload", "download")
        ]
    ),
}


END = {"phase": "end", "status": "finished", "taskResult": "done"}


def script(server: RecordingServer) -> None:
    """Give *server* its answers."""
    for tool, answer in TEXTS.items():
        server.answer(tool, answer if isinstance(answer, str) else json.dumps(answer))
    server.answer("screenshot", _screenshot)
    server.answer("exec_task", Frames([END]))
    # A tool, and the method of a stream.
    server.answer("run_code", lambda request: Frames([END]) if _is_frame(request) else Text("{}"))
    for method in ("create", "connect", "kill"):
        server.answer(f"pty.{method}", Frames([{"result": {"ptySessionId": "p-1"}}]))
    server.answer("pty.list", Frames([{"result": {"ptySessionIds": ["p-1"]}}]))
    # Both clients wait until contexts have been loaded.
    server.answer("GetContextInfo", Data({"ContextStatus": json.dumps([CONTEXT_STATUS])}))


def _is_frame(request: Recorded) -> bool:
    return request.route is Route.CHANNEL


def _screenshot(request: Recorded) -> Text:
    is_png = request.arguments.get("format") == "png"
    return Text(_image(PNG, "png") if is_png else _image(JPEG, "jpeg"))
