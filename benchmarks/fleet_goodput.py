"""How many items per second a fleet gets done on a service that bears so many creations.

The service creates sessions from a token bucket (by default 20 per second) and refuses the others
with HTTP 429 and ``Retry-After``. Compared are a fleet, which adapts to that, and a fixed number
of tasks that create, use and delete sessions with the client's usual retries. Run it with
``python -m benchmarks.fleet_goodput``; with ``--plot`` the curves are drawn.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from agentbay import AsyncAgentBay, AsyncSession, Config
from agentbay.errors import AgentBayError
from agentbay.testing import Capacity, RecordingServer

if TYPE_CHECKING:
    from collections.abc import Callable

CONCURRENCIES = (5, 10, 20, 40, 80, 160, 320)
LATENCY = {"CreateMcpSession": 0.2, "shell": 0.5, "DeleteSessionAsync": 0.1}


@frozen(kw_only=True)
class Run:
    """One way to work, with one concurrency."""

    concurrency: int
    done: int
    failed: int
    seconds: float
    creations_asked: int

    @property
    def goodput(self) -> float:
        """Items with a value, per second."""
        return self.done / self.seconds

    @property
    def asked_per_item(self) -> float:
        """Requests to create a session for each item with a value."""
        return self.creations_asked / max(self.done, 1)


async def use(session: AsyncSession, item: int) -> int:
    """Do the work of one item."""
    (await session.command.execute_command(f"echo {item}")).raise_for_error()
    return item


async def adaptive(bay: AsyncAgentBay, items: int, concurrency: int) -> int:
    """Return how many items a fleet gets done."""
    async with bay.fleet(concurrency=concurrency) as fleet:
        outcomes = [outcome async for outcome in fleet.map(use, range(items))]
    return sum(outcome.success for outcome in outcomes)


async def fixed(bay: AsyncAgentBay, items: int, concurrency: int) -> int:
    """Return how many items so many tasks get done, each of them one after the other."""
    done = 0
    numbers = iter(range(items))

    async def work() -> None:
        nonlocal done
        for number in numbers:
            try:
                async with bay.session() as session:
                    await use(session, number)
            except AgentBayError:
                continue
            done += 1

    await asyncio.gather(*(work() for _ in range(concurrency)))
    return done


async def measure(way: str, items: int, concurrency: int, rate: float) -> Run:
    """Run one way to work against a fresh server."""
    capacity = Capacity(rate=rate, burst=int(rate), latency=LATENCY)
    async with (
        RecordingServer(record=False, capacity=capacity) as server,
        AsyncAgentBay(server.api_key, Config(endpoint=server.endpoint)) as bay,
    ):
        started = time.monotonic()
        work = adaptive if way == "fleet" else fixed
        done = await work(bay, items, concurrency)
        seconds = time.monotonic() - started
        if server.sessions:
            raise SystemExit(f"{way} left {len(server.sessions)} sessions")
        asked = server.counts["CreateMcpSession"]
    return Run(
        concurrency=concurrency,
        done=done,
        failed=items - done,
        seconds=seconds,
        creations_asked=asked,
    )


def plot(runs: dict[str, list[Run]], rate: float, path: Path) -> None:
    """Draw what became of the items, and what it took, over the concurrency."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "agentbay"  # the same bytes for the same numbers
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    shown: dict[str, Callable[[Run], float]] = {
        "items done per second": lambda run: run.goodput,
        "items failed, %": lambda run: 100 * run.failed / (run.done + run.failed),
        "requests to create, per item done": lambda run: run.asked_per_item,
    }
    for axes, (what, figure_of) in zip(panels, shown.items(), strict=True):
        for (way, found), style in zip(runs.items(), ("o-", "s--"), strict=True):
            axes.plot(CONCURRENCIES, [figure_of(run) for run in found], style, label=way)
        axes.set_title(what, fontsize="medium")
        axes.set_xscale("log", base=2)
        axes.set_xticks(CONCURRENCIES, [str(number) for number in CONCURRENCIES])
        axes.set_xlabel("concurrency")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    panels[0].axhline(rate, color="grey", linewidth=0.8, linestyle=":")
    panels[0].legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=300, help="items of each run; default 300")
    parser.add_argument("--rate", type=float, default=20, help="creations per second; default 20")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves as SVG")
    options = parser.parse_args()
    runs: dict[str, list[Run]] = {"fleet": [], "fixed": []}
    print("way    concurrency  items/s  done  failed  creations asked per item")
    for concurrency in CONCURRENCIES:
        for way, found in runs.items():
            run = asyncio.run(measure(way, options.items, concurrency, options.rate))
            found.append(run)
            print(
                f"{way:5}  {concurrency:11}  {run.goodput:7.1f}  {run.done:4}  {run.failed:6}  "
                f"{run.asked_per_item:.2f}"
            )
            sys.stdout.flush()
    if options.plot is not None:
        plot(runs, options.rate, options.plot)


if __name__ == "__main__":
    main()
