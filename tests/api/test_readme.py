"""Every example of the README is a program that works as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.api.source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
# What each prints, in the order of the README.
OUTPUTS = (
    r"0 Hello from the sandbox\nwuying\n",
    r"0 0\n1 1\n2 4\n(\d \d+\n){6}9 81\n",
    r"wuying directory\n(.*\n)*expected: .*missing\.txt",
    r"90\n45\n",
)


def test_every_program_has_an_expected_output() -> None:
    assert len(PROGRAMS) == len(OUTPUTS)


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_program_of_the_readme_runs(number: int) -> None:
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
    assert finished.stderr == ""
    assert finished.returncode == 0
    assert re.match(OUTPUTS[number], finished.stdout)
