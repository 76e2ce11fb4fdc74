"""Running a program with either client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import anyio

HERE = Path(__file__).parent
TIMEOUT = 120.0


async def run_program(python: Path, name: str, *arguments: str, cwd: Path) -> dict[str, Any]:
    """Run a program of this directory with *python* and return the JSON object that it prints."""
    with anyio.fail_after(TIMEOUT):
        done = await anyio.run_process(
            [str(python), str(HERE / name), *arguments],
            check=False,
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "AGENTBAY_LOG_LEVEL": "ERROR", "HOME": str(cwd)},
        )
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0, done.stderr.decode()
    printed: dict[str, Any] = json.loads(lines[-1])
    return printed
