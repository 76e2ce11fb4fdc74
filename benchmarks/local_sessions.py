"""What many sandboxes at once cost: a server, N sessions alive together, and what they leave.

Run it with ``python -m benchmarks.local_sessions --sessions 200``. It starts ``agentbay serve``
as a process of its own, creates the sessions at once, runs one command in each at once, measures
while all of them are idle, deletes them at once, and counts what remains. The exit status is 1
when anything failed or was left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from agentbay import AsyncAgentBay, AsyncSession, Config, CreateSessionParams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

_CALL_MS = 300_000
_SETTLE_SECONDS = 15.0
_STOP_SECONDS = 60.0
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


class Failures(list[str]):
    """What went wrong, in words."""


async def timed(latencies: list[float], call: Callable[[], Awaitable[Any]]) -> Any:
    """Await *call* and note how long it took."""
    started = time.perf_counter()
    result = await call()
    latencies.append(time.perf_counter() - started)
    return result


def summary(latencies: list[float], seconds: float) -> dict[str, float]:
    """Return the figures of one phase."""
    ordered = sorted(latencies)
    return {
        "count": len(ordered),
        "seconds": round(seconds, 2),
        "per_second": round(len(ordered) / seconds, 1),
        "p50_ms": round(1000 * statistics.median(ordered)),
        "p95_ms": round(1000 * ordered[int(0.95 * (len(ordered) - 1))]),
        "max_ms": round(1000 * ordered[-1]),
    }


@contextmanager
def serving(data_dir: Path, options: list[str]) -> Iterator[dict[str, Any]]:
    """Run a server; yield what it said when it was ready."""
    argv = [sys.executable, "-m", "agentbay", "serve", "--port", "0", "--log-level", "warning"]
    with subprocess.Popen(
        [*argv, "--data-dir", str(data_dir), *options], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            line = process.stdout.readline()
            if not line:
                raise SystemExit("The server did not start")
            yield json.loads(line)
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


def descendants(pid: int) -> list[int]:
    """Return all processes below *pid*."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(task).split():
            found += [int(child), *descendants(int(child))]
    return found


def memory_by_program(pids: Iterable[int]) -> Counter[str]:
    """Return the proportional memory of processes, summed up by program, in bytes."""
    total: Counter[str] = Counter()
    for pid in pids:
        found = _PSS.search(_read(Path(f"/proc/{pid}/smaps_rollup")))
        if found is not None:
            total[_read(Path(f"/proc/{pid}/comm")).strip()] += int(found[1]) * 1024
    return total


def _read(path: Path) -> str:
    """Return the text of a file of /proc; nothing when its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def what_is_left(server: int, data_dir: Path) -> dict[str, int]:
    """Count what sessions are made of."""
    return {
        "processes": len(descendants(server)),
        "descriptors": len(list(Path(f"/proc/{server}/fd").iterdir())),
        "directories": len(list((data_dir / "sandboxes").iterdir())),
    }


async def create_all(
    client: AsyncAgentBay, count: int, failures: Failures
) -> tuple[list[AsyncSession], dict[str, float]]:
    """Create *count* sessions at once."""
    latencies: list[float] = []
    params = CreateSessionParams(labels={"made-by": "benchmark"})
    started = time.perf_counter()
    results = await asyncio.gather(
        *(timed(latencies, lambda: client.create(params)) for _ in range(count))
    )
    seconds = time.perf_counter() - started
    failures += [f"create: {result.error_message}" for result in results if not result]
    return [result.unwrap() for result in results if result], summary(latencies, seconds)


async def run_all(sessions: list[AsyncSession], failures: Failures) -> dict[str, float]:
    """Run one command in each session at once."""
    latencies: list[float] = []

    async def run(session: AsyncSession) -> None:
        result = await timed(latencies, lambda: session.command.execute_command("echo $((6 * 7))"))
        if result.output.strip() != "42":
            failures.append(f"command: {result.error_message or result.output!r}")

    started = time.perf_counter()
    await asyncio.gather(*map(run, sessions))
    return summary(latencies, time.perf_counter() - started)


async def delete_all(sessions: list[AsyncSession], failures: Failures) -> dict[str, float]:
    """Delete all sessions at once; each is gone when its call returns."""
    latencies: list[float] = []
    started = time.perf_counter()
    results = await asyncio.gather(*(timed(latencies, session.delete) for session in sessions))
    failures += [f"delete: {result.error_message}" for result in results if not result]
    return summary(latencies, time.perf_counter() - started)


async def left_over(before: dict[str, int], server: int, data_dir: Path) -> dict[str, int]:
    """Return what there is more than *before*; connections of clients may take a moment."""
    more: dict[str, int] = {}
    with anyio.move_on_after(_SETTLE_SECONDS):
        while True:
            now = what_is_left(server, data_dir)
            more = {name: now[name] - before[name] for name in before}
            if not any(more.values()):
                break
            await anyio.sleep(0.1)
    return more


async def measure(count: int, server: dict[str, Any], data_dir: Path) -> dict[str, Any]:
    """Take the figures of one run."""
    pid = server["pid"]
    failures = Failures()
    before = what_is_left(pid, data_dir)
    config = Config(endpoint=server["endpoint"], timeout_ms=_CALL_MS)
    async with AsyncAgentBay(server["api_key"], config) as client:
        (runtime_before,) = memory_by_program([pid]).values()
        sessions, created = await create_all(client, count, failures)
        commands = await run_all(sessions, failures)
        memory = memory_by_program(descendants(pid))
        (runtime_with,) = memory_by_program([pid]).values()
        alive = what_is_left(pid, data_dir)
        deleted = await delete_all(sessions, failures)
    return {
        "create": created,
        "command": commands,
        "delete": deleted,
        "memory_per_idle_session_kib": {
            **{name: size // 1024 // count for name, size in memory.most_common()},
            "all programs": memory.total() // 1024 // count,
            "runtime": (runtime_with - runtime_before) // 1024 // count,
        },
        "runtime_kib": {"empty": runtime_before // 1024, "with all": runtime_with // 1024},
        "per_session": {name: (alive[name] - before[name]) / count for name in alive},
        "left": await left_over(before, pid, data_dir),
        "failures": failures,
    }


def main() -> int:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200, metavar="N")
    parser.add_argument("serve_options", nargs="*", help="for agentbay serve, after --")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name, "data")
        with serving(data_dir, chosen.serve_options) as server:
            figures = asyncio.run(measure(chosen.sessions, server, data_dir))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return int(bool(figures["failures"]) or any(figures["left"].values()))


if __name__ == "__main__":
    sys.exit(main())
