"""A program of the public client runs on the local runtime, and sees what ours sees."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agentbay.local.runtime import LocalRuntime
from tests.compat.programs import run_program


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", ["public", "ours"])
async def test_a_program_runs(
    runtime: LocalRuntime, public_client: Path, tmp_path: Path, client: str
) -> None:
    python = public_client if client == "public" else Path(sys.executable)
    seen = await run_program(python, "drive.py", runtime.endpoint, runtime.api_key, cwd=tmp_path)
    assert seen == {
        "created": True,
        "error": "",
        "exit code": 3,
        "stdout": "out\n",
        "stderr": "err\n",
        "slow": False,
        "with env": "x 'y' ä",
        "env": {"B": "later"},
        "tool": True,
        "written": True,
        "read": True,
        "bytes": True,
        "info": 300_000,
        "made": True,
        "moved": True,
        "listed": ["d"],
        "found": ["/tmp/compat/d/g.txt"],
        "edited": True,
        "missing": False,
        "labels": {"compat": "again"},
        "listed session": True,
        "link": True,
        "info of session": True,
        "status": "RUNNING",
        "paused": "PAUSED",
        "resumed": "RUNNING",
        "alive": "on\n",
        "got": "on\n",
        "terminal": True,
        "deleted": True,
        "code": [True, "42", ["ä\n"]],
        "code error": [False, True],
        "context files": ["note.txt"],
        "context text": "kept",
        "context states": ["Success"],
    }
