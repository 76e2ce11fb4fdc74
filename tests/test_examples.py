"""Every program in ``examples/`` works as it stands, on the embedded runtime."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.api.source import ROOT

EXAMPLES = ROOT / "examples"
# What each prints.
OUTPUTS = {
    "background_command": r"(stdout: (hello \w+\n)+){1,2}exit status: 0\nstopped: 143\n",
    "run_code": (
        r"sum: 30\nsquare 0\nsquare 1\nsquare 4\nsquare 9\nsquare 16\n"
        r"failed: ZeroDivisionError\nnode: '?2,4,6'?\n"
    ),
    "fault_injection": (
        r"written: False No space left on device\nworks when killed: False\nhi\n"
        r"{'throttled': 1, 'disk_full': 1, 'sandbox_killed': 1}\n"
    ),
    "fleet": (
        r"ann right\nbob wrong\neve RemoteOperationError\n"
        r"sessions: 3 created, 3 deleted, 0 left\n"
    ),
    "fleet_async": (
        r"2470 in at most 5 sessions: True\nthe same everywhere: True\n"
        r"deleted: True\nleft: 0\n"
    ),
    "context_data": (
        r"deleted: True\nstill here\ndownload /home/wuying/data Success\ncontext deleted: True\n"
    ),
    "context_data_async": (r"given: True\ntaken: True\nfor you\ndeleted: True\ndeleted: True\n"),
    "file_transfer": (r"sent: True 1\n23\nreceived: True Hello from the session\nback: True 2\n"),
    "awaitable_twins": r"paused: PAUSED\nresumed: RUNNING\nlink: True\n",
    "info": (
        r"same session: True\nstate: RUNNING\nkept alive: True\n"
        r"processors: \d+\nmemory used, MiB: \d+\n"
    ),
    "labels": (
        r"at first: {'project': 'demo'}\nnow: {'project': 'demo', 'stage': 'testing'}\n"
        r"found by label: True\nrefused: Labels cannot be empty\..*\n"
    ),
    "links": r"Hello from inside\nrefused: Invalid port value: 8080\. .*\[30100, 30199\]\.\n",
    "list_sessions": r"sessions: 3\nnewest first: True\nstates: {'RUNNING'}\n",
    "pause_resume": (
        r"paused: True PAUSED\nworks while paused: False\nresumed: True RUNNING\nstill here\n"
    ),
    "pause_resume_async": (r"paused: \['PAUSED', 'PAUSED'\]\nresumed: \['RUNNING', 'RUNNING'\]\n"),
    "tools": (
        r"(?:\w+ of \w+: .+\n)*shell of wuying_shell: .+\n(?:\w+ of \w+: .+\n)*"
        r"output: Hello\nsuccess: False\nerror: .*nope: not found\n"
    ),
}


def test_every_example_is_listed_and_expected() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == OUTPUTS.keys()
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)\.py`", readme, re.MULTILINE)) == names


@pytest.mark.parametrize("name", OUTPUTS)
def test_example_runs(name: str) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AGENTBAY_")}
    finished = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        cwd=ROOT,
        env={**clean, "AGENTBAY_ENDPOINT": "local", "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert finished.stderr == ""
    assert finished.returncode == 0
    assert re.fullmatch(OUTPUTS[name], finished.stdout), finished.stdout
