"""Whatever is cancelled, and whenever: nothing is left over, and the client goes on working.

``CANCEL_EVERYWHERE=1`` leaves out no suspension of any operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentbay import CreateSessionParams
from tests.cancellation.matrix import EVERYWHERE, Way, cut_short_everywhere
from tests.cancellation.operations import ANYWHERE, COSTLY, IN_SANDBOX
from tests.cancellation.world import Service, entered

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.cancellation.operations import Operation

ALL: dict[str, Operation] = {**ANYWHERE, **IN_SANDBOX}
FEW = frozenset({Way.TASK, Way.SCOPE_THEN_TASK})
# With sandboxes, every suspension of a fleet takes seconds.
FLEETS: frozenset[str] = frozenset() if EVERYWHERE else frozenset({"fleet_map", "fleet_of_many"})


def in_ways(names: Iterable[str], quick: Iterable[str] = ()) -> pytest.MarkDecorator:
    """Run a test with each operation in few ways, and with the *quick* ones in all."""
    cases = [
        pytest.param(name, way, id=f"{name}-{way.name}")
        for name in names
        for way in Way
        if EVERYWHERE or way in FEW or name in quick
    ]
    return pytest.mark.parametrize(("name", "way"), cases)


async def check(
    service: Service,
    tmp_path: Path,
    name: str,
    way: Way,
    params: CreateSessionParams | None = None,
    *,
    reconnecting: bool = False,
) -> None:
    world = entered(service, tmp_path / "files", params, reconnecting=reconnecting)
    async with world as made:
        times = await cut_short_everywhere(made, ALL[name], way, costly=name in COSTLY)
    print(f"{name} {way.name}: {times} injections")  # noqa: T201 - for pytest -rP
    assert times > 0


pytestmark = pytest.mark.timeout(900 if EVERYWHERE else 60)


@pytest.mark.parametrize("reconnecting", [False, True], ids=["pooled", "reconnecting"])
@in_ways(ANYWHERE, quick=ANYWHERE.keys() - COSTLY)
async def test_on_a_service_that_forgives_nothing(
    recording: Service, tmp_path: Path, name: str, way: Way, *, reconnecting: bool
) -> None:
    await check(recording, tmp_path, name, way, reconnecting=reconnecting)


@in_ways(name for name in ALL if name not in FLEETS)
async def test_on_the_local_runtime(local: Service, tmp_path: Path, name: str, way: Way) -> None:
    await check(local, tmp_path, name, way)


@in_ways(["call_tool", "execute_command", "write_bytes", "session_scope"])
async def test_without_direct_routes(
    local_without_links: Service, tmp_path: Path, name: str, way: Way
) -> None:
    await check(local_without_links, tmp_path, name, way)


@in_ways(["call_tool", "create", "session_scope"])
async def test_inside_a_vpc(recording_in_vpc: Service, tmp_path: Path, name: str, way: Way) -> None:
    await check(recording_in_vpc, tmp_path, name, way, CreateSessionParams(is_vpc=True))
