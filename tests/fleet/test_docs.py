"""Every program on the page about many sessions works as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.api.source import ROOT

PAGE = (ROOT / "docs" / "many-sessions.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OUTPUTS = (r"(\d \d+\n){10}10 sessions, left: 0\n", r"True\nTrue\n", r"True\n")


def test_every_program_has_an_expected_output() -> None:
    assert len(PROGRAMS) == len(OUTPUTS)


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_program_runs(number: int) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AGENTBAY_")}
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAMS[number]],
        cwd=ROOT,
        env={**clean, "AGENTBAY_ENDPOINT": "local"},
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert re.fullmatch(OUTPUTS[number], finished.stdout)
