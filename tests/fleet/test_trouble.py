"""All items get their value and no session is left, whatever goes wrong on the way."""

from __future__ import annotations

import pytest

from tests.conftest import ConnectFunction
from tests.fleet.trouble import run

ITEMS = 100


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1])
async def test_nothing_is_lost_and_nothing_leaks(connect: ConnectFunction, seed: int) -> None:
    report = await run(seed, ITEMS, connect)
    assert report.errors == []
    assert report.values == [item * item for item in range(ITEMS)]
    assert report.sessions_left == 0
    assert report.stats.leaked == report.stats.alive == 0
    assert report.stats.created == report.stats.deleted == report.sessions_made
    assert report.sessions_made > ITEMS  # some answers were lost, and the sessions were found
    assert set(report.injected) == {"half_open", "reset", "server_error", "throttled"}
