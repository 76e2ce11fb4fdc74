"""How long the calls of one session take while another one floods the runtime.

Run it with ``python -m benchmarks.local_fairness``. It starts ``agentbay serve`` as a process of
its own with two sessions. One makes many calls at once, of one kind at a time; meanwhile the
other runs short commands, one after the other. Calls that are refused because the session has
too many already are counted; they are what keeps the runtime whole.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentbay import AsyncAgentBay, AsyncSession, Config
from benchmarks.local_sessions import serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_CALL_MS = 300_000
_PROBES = 20
_TEXT = "x" * 1_000_000


async def short(session: AsyncSession, _: int) -> Any:
    """Run a command that ends at once."""
    return await session.call_mcp_tool("shell", {"command": "true"})


async def spinning(session: AsyncSession, _: int) -> Any:
    """Use a processor for a while."""
    command = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    return await session.call_mcp_tool("shell", {"command": command, "timeout_ms": 120_000})


async def output(session: AsyncSession, _: int) -> Any:
    """Write much output."""
    command = "head -c 4000000 /dev/zero | tr '\\0' x"
    return await session.call_mcp_tool("shell", {"command": command, "timeout_ms": 120_000})


async def upload(session: AsyncSession, number: int) -> Any:
    """Write a large file."""
    return await session.call_mcp_tool(
        "write_file",
        {"path": f"/tmp/{number % 8}", "content": _TEXT},  # noqa: S108 - inside
    )


KINDS: dict[str, Callable[[AsyncSession, int], Awaitable[Any]]] = {
    call.__name__: call for call in (short, spinning, output, upload)
}


async def probe(session: AsyncSession, count: int) -> list[float]:
    """Run short commands, one after the other, and return how long each took."""
    latencies = []
    for _ in range(count):
        started = time.perf_counter()
        result = await session.command.execute_command("true")
        result.unwrap()
        latencies.append(time.perf_counter() - started)
    return latencies


def figures(latencies: list[float]) -> dict[str, float]:
    """Return what is told of latencies."""
    ordered = sorted(latencies)
    return {
        "probes": len(ordered),
        "p50_ms": round(1000 * statistics.median(ordered)),
        "max_ms": round(1000 * ordered[-1]),
    }


async def flood(kind: str, endpoint: str, count: int) -> dict[str, int]:
    """Make *count* calls at once in a session of its own, and return how they ended."""
    async with AsyncAgentBay(cfg=Config(endpoint=endpoint, timeout_ms=_CALL_MS)) as client:
        session = (await client.create()).unwrap()
        calls = (KINDS[kind](session, number) for number in range(count))
        results = await asyncio.gather(*calls)
        await session.delete()
    return Counter("done" if result.success else result.error_message[:80] for result in results)


async def flooded(
    kind: str, endpoint: str, api_key: str, quiet: AsyncSession, count: int
) -> dict[str, Any]:
    """Measure *quiet* while another process floods a session with calls of *kind*."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.local_fairness"),
        *("--calls", str(count), "--flood", kind, endpoint),
        env={**os.environ, "AGENTBAY_API_KEY": api_key},
        stdout=subprocess.PIPE,
    )
    ended = asyncio.ensure_future(process.communicate())
    latencies: list[float] = []
    while not ended.done():
        latencies += await probe(quiet, 1)
    out, _ = await ended
    seconds = time.perf_counter() - started
    return {**figures(latencies), "flood_seconds": round(seconds, 1), "flood": json.loads(out)}


async def measure(kinds: list[str], count: int, server: dict[str, Any]) -> dict[str, Any]:
    """Take the figures of one run."""
    endpoint, api_key = server["endpoint"], server["api_key"]
    async with AsyncAgentBay(api_key, Config(endpoint=endpoint, timeout_ms=_CALL_MS)) as client:
        quiet = (await client.create()).unwrap()
        found: dict[str, Any] = {"alone": figures(await probe(quiet, _PROBES))}
        for kind in kinds:
            found[kind] = await flooded(kind, endpoint, api_key, quiet, count)
        await quiet.delete()
    return found


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500, metavar="N")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    # For the process that floods, which this one starts.
    parser.add_argument("--flood", nargs=2, metavar=("KIND", "URL"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.flood:
        kind, endpoint = chosen.flood
        sys.stdout.write(json.dumps(asyncio.run(flood(kind, endpoint, chosen.calls))))
        return
    with tempfile.TemporaryDirectory() as name, serving(Path(name, "data"), []) as server:
        found = asyncio.run(measure(chosen.kinds, chosen.calls, server))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
