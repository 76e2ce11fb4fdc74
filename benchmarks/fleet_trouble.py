"""A thousand items on a service in trouble, for twenty seeds: is anything lost, does any leak?

Of 100 requests 5 are reset, 5 fail with 5xx, 5 are throttled and 1 is never answered; half of
them where that is possible after they were carried out. Run it with
``python -m benchmarks.fleet_trouble``; it ends with status 1 if an item has no value, or a session
is left.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.fleet.trouble import run


async def main() -> int:
    """Run all seeds, and tell what became of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many runs; default 20")
    parser.add_argument("--items", type=int, default=1000, help="items of each; default 1000")
    options = parser.parse_args()
    bad = 0
    print("seed  values  left  created  deleted  retried  throttled  seconds  faults")
    for seed in range(options.seeds):
        started = time.monotonic()
        report = await run(seed, options.items)
        stats = report.stats
        bad += len(report.values) != options.items or bool(report.sessions_left or stats.leaked)
        faults = ", ".join(f"{name} {count}" for name, count in sorted(report.injected.items()))
        print(
            f"{seed:4}  {len(report.values):6}  {report.sessions_left:4}  {stats.created:7}  "
            f"{stats.deleted:7}  {stats.retried:7}  {stats.throttled:9}  "
            f"{time.monotonic() - started:7.1f}  {faults}",
            flush=True,
        )
        for error in report.errors:
            print(f"      {error}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
