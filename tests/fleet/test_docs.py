"""Every program on the page about many sessions works as it stands."""

from __future__ import annotations

import re

import pytest

from tests.api.source import ROOT
from tests.children import run_script

PAGE = (ROOT / "docs" / "many-sessions.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OUTPUTS = (r"(\d \d+\n){10}10 sessions, left: 0\n", r"True\nTrue\n", r"True\n")


def test_every_program_has_an_expected_output() -> None:
    assert len(PROGRAMS) == len(OUTPUTS)


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_program_runs(number: int) -> None:
    finished = run_script(
        PROGRAMS[number], flags=("-W", "error"), env={"AGENTBAY_ENDPOINT": "local"}, timeout=50
    )
    assert (finished.exit_code, finished.stderr) == (0, "")
    assert re.fullmatch(OUTPUTS[number], "".join(f"{line}\n" for line in finished.lines))
