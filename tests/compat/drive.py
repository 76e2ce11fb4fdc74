"""Drives the local runtime as a program of the public client would; prints what it saw, as JSON."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

import agentbay as sdk


def drive(endpoint: str, key: str) -> dict[str, Any]:
    bay: Any = sdk.AgentBay(api_key=key, cfg=sdk.Config(endpoint=endpoint, timeout_ms=60_000))
    params = sdk.CreateSessionParams(image_id="linux_latest", labels={"compat": "yes", "ü": "ß"})
    created = bay.create(params)
    session = created.session
    seen: dict[str, Any] = {"created": created.success, "error": created.error_message}
    try:
        seen |= commands(session)
        seen |= files(session)
        seen |= states(bay, session)
        seen |= terminal(session)
    finally:
        seen["deleted"] = session.delete().success
    return seen | code(bay) | contexts(bay)


def code(bay: Any) -> dict[str, Any]:
    session = bay.create(sdk.CreateSessionParams(image_id="code_latest")).session
    try:
        first = session.code.run_code("x = 41", "python")
        second = session.code.run_code("print('ä'); x + 1", "python")
        failed = session.code.run_code("1 / 0", "python")
        return {
            "code": (first.success, second.result, second.logs.stdout),
            "code error": (failed.success, "ZeroDivisionError" in failed.error_message),
        }
    finally:
        session.delete()


def contexts(bay: Any) -> dict[str, Any]:
    context = bay.context.create("compat").context
    syncs = [sdk.ContextSync.new(context.id, "/home/wuying/kept", sdk.SyncPolicy())]
    session = bay.create(sdk.CreateSessionParams(context_syncs=syncs)).session
    session.file_system.write_file("/home/wuying/kept/note.txt", "kept")
    session.delete(sync_context=True)
    listed = bay.context.list_files(context.id, "/home/wuying/kept")
    again = bay.create(sdk.CreateSessionParams(context_syncs=syncs)).session
    try:
        return {
            "context files": [entry.file_name for entry in listed.entries],
            "context text": again.file_system.read_file("/home/wuying/kept/note.txt").content,
            "context states": sorted(
                {item.status for item in again.context.info().context_status_data}
            ),
        }
    finally:
        again.delete()
        bay.context.delete(context)


def commands(session: Any) -> dict[str, Any]:
    ran = session.command.execute_command("echo out; echo err >&2; exit 3", cwd="/tmp")
    slow = session.command.execute_command("sleep 30", timeout_ms=300)
    with_env = session.command.execute_command('printf %s "$A"', envs={"A": "x 'y' ä"})
    session.env.set({"B": "later"})
    return {
        "exit code": ran.exit_code,
        "stdout": ran.stdout,
        "stderr": ran.stderr,
        "slow": slow.success,
        "with env": with_env.stdout,
        "env": session.env.get(["B"]).envs,
        "tool": session.call_mcp_tool("shell", {"command": "id -un"}).success,
    }


def files(session: Any) -> dict[str, Any]:
    fs = session.file_system
    text = "täxt\n" * 50_000
    return {
        "written": fs.write_file("/tmp/compat/f.txt", text).success,
        "read": fs.read_file("/tmp/compat/f.txt").content == text,
        "bytes": fs.read_file("/tmp/compat/f.txt", format="bytes").content == text.encode(),
        "info": fs.get_file_info("/tmp/compat/f.txt").file_info["size"],
        "made": fs.create_directory("/tmp/compat/d").success,
        "moved": fs.move_file("/tmp/compat/f.txt", "/tmp/compat/d/g.txt").success,
        "listed": [entry.name for entry in fs.list_directory("/tmp/compat").entries],
        "found": fs.search_files("/tmp/compat", "*.txt").matches,
        "edited": fs.edit_file("/tmp/compat/d/g.txt", [{"oldText": text, "newText": "b"}]).success,
        "missing": fs.read_file("/tmp/compat/none").success,
    }


def states(bay: Any, session: Any) -> dict[str, Any]:
    session.set_labels({"compat": "again"})
    listed = bay.list({"compat": "again"})
    session.command.execute_command("nohup python3 -m http.server 30101 >/dev/null 2>&1 &")
    return {
        "labels": session.get_labels().data,
        "listed session": session.session_id in json.dumps(listed.session_ids),
        "link": session.get_link("https", 30101).data.startswith("http"),
        "info of session": session.info().success,
        "status": session.get_status().status,
        "paused": session.beta_pause(poll_interval=0.1).status,
        "resumed": session.beta_resume(poll_interval=0.1).status,
        "alive": session.command.execute_command("echo on").stdout,
        "got": bay.get(session.session_id).session.command.execute_command("echo on").stdout,
    }


def terminal(session: Any) -> dict[str, Any]:
    output = bytearray()
    arrived = threading.Event()

    def on_data(data: bytes) -> None:
        output.extend(data)
        if b"sum 42" in output:
            arrived.set()

    handle = session.pty.create(on_data=on_data)
    handle.send_input(b"echo sum $((40+2))\n")
    arrived.wait(20)
    handle.kill()
    return {"terminal": b"sum 42" in output}


if __name__ == "__main__":
    print(json.dumps(drive(*sys.argv[1:])), flush=True)  # noqa: T201 - the result of the program
    os._exit(0)  # the public client leaves threads behind
