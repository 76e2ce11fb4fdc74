"""`import agentbay` is cheap: it loads names, not the machinery behind them."""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.api.source import ROOT

BUDGET_SECONDS = 0.060
PAIRS = 7


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )


def cpu_seconds(statement: str) -> float:
    """Return the processor time of an interpreter that runs *statement*.

    Processor time, because the wall clock of a busy machine measures its other work.
    """
    return float(run_python("-c", f"{statement}; import time; print(time.process_time())").stdout)


def test_import_loads_neither_aiohttp_nor_a_surface() -> None:
    report = run_python("-X", "importtime", "-c", "import agentbay").stderr
    loaded = {line.rpartition("|")[2].strip() for line in report.splitlines()}
    assert "agentbay" in loaded
    heavy = {"aiohttp", "anyio", "asyncio", "cattrs", "agentbay._async", "agentbay._transport"}
    assert heavy & loaded == set()


def test_import_stays_within_its_budget() -> None:
    cpu_seconds("import agentbay")  # the first import of a new checkout compiles it
    costs = [cpu_seconds("import agentbay") - cpu_seconds("pass") for _ in range(PAIRS)]
    assert statistics.median(costs) < BUDGET_SECONDS


def test_import_is_silent_even_with_all_warnings_on() -> None:
    finished = run_python("-X", "dev", "-W", "error", "-c", "import agentbay")
    assert finished.stdout == ""
    assert finished.stderr == ""
