"""What the page on testing says about faults works as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentbay.errors import ConfigurationError
from agentbay.testing import faults
from agentbay.testing.faults.kinds import KINDS
from tests.api.source import ROOT

PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Faults\n")[2].partition("\n## ")[0]


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_program() -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AGENTBAY_")}
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", block("python")],
        cwd=ROOT,
        env=clean,
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(block("toml"))
    if sys.version_info < (3, 11):
        with pytest.raises(ConfigurationError, match="JSON"):
            faults.FaultPlan.load(path)
    else:
        assert faults.FaultPlan.load(path).rules == (
            faults.FaultRule(faults.Throttled(2.0), name="CreateMcpSession", nth=1),
            faults.FaultRule(faults.Reset(), probability=0.05),
        )


def test_every_kind_and_its_arguments_are_told() -> None:
    told = dict(re.findall(r"^\| `([A-Z]\w+)\((.*?)\)` \|", SECTION, re.MULTILINE))
    fields = {
        kind.__name__: ", ".join(field.name for field in kind.__attrs_attrs__)
        for kind in KINDS.values()
    }
    assert told == fields
    spelled = SECTION.partition("In files the kinds are spelled")[2]
    assert set(re.findall(r"`(\w+)`", spelled)) == set(KINDS)
