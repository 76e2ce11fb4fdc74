"""What is left of contexts when the runtime is killed, or its disk is full."""

from __future__ import annotations

import asyncio
import io
import itertools
import random
import re
import signal
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio
import anyio.to_thread

from agentbay.local import LocalRuntime
from agentbay.local.contexts.transfers import Transfers
from tests.local.child import Server, serving
from tests.local.child import end as kill
from tests.local.contexts import (
    ROOT,
    children,
    end,
    fetch,
    info,
    item,
    new_context,
    put,
    settled,
    start,
    sync,
    url,
)
from tests.local.wire import Started, Wire, wire_at, wire_to

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 6
FILES = 20
GONE = (aiohttp.ClientError, ConnectionError)
# Each version has one file that takes the longest part of the time.
WRITE_VERSION = (
    "cd {root} && rm -rf * && for i in $(seq {files}); do echo {version} > {version}-$i; done"
    " && head -c 3000000 /dev/zero | tr '\\0' {version} > {version}-0 && echo {version} > version"
)


async def test_a_killed_runtime_leaves_one_whole_version(tmp_path: Path) -> None:
    await crash(tmp_path, ROUNDS)


async def crash(tmp_path: Path, rounds: int) -> None:
    """Kill a runtime that stores versions, again and again, and look at what is left."""
    dice = random.Random(20)
    acknowledged = {"tree": 0, "file": 0}
    versions = itertools.count(1)
    for _ in range(rounds):
        with serving(tmp_path, data_dir=str(tmp_path / "data")) as server:
            async with wire_at(server.endpoint, server.api_key) as wire:
                context = await new_context(wire, "crash")
                await check(wire, context, acknowledged)
                session = await start(wire, item(context))
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(store_trees, wire, session, versions, acknowledged)
                    tasks.start_soon(store_files, wire, context, versions, acknowledged)
                    await anyio.sleep(dice.uniform(0.0, 0.7))  # the random moment
                    await anyio.to_thread.run_sync(kill, server, signal.SIGKILL)
    with serving(tmp_path, data_dir=str(tmp_path / "data")) as server:
        async with wire_at(server.endpoint, server.api_key) as wire:
            await check(wire, await new_context(wire, "crash"), acknowledged)
        kill(server, signal.SIGTERM)
    packs = tmp_path / "data" / "packs"
    assert not [path for path in packs.iterdir() if path.name.endswith(".partial")]
    assert len(list(packs.iterdir())) <= 2
    assert all(acknowledged.values())


async def store_trees(
    wire: Wire, session: Started, versions: Any, acknowledged: dict[str, int]
) -> None:
    try:
        for version in versions:
            write = WRITE_VERSION.format(root=ROOT, files=FILES, version=version)
            await wire.shell(session, write)
            await sync(wire, session)
            items = await info(wire, session, TaskType="upload")
            while items[0]["status"] not in ("Success", "Failed"):
                items = await info(wire, session, TaskType="upload")
            if items[0]["status"] == "Success":
                acknowledged["tree"] = version
    except GONE:
        return  # the runtime has been killed


async def store_files(
    wire: Wire, context: str, versions: Any, acknowledged: dict[str, int]
) -> None:
    try:
        for version in versions:
            await put(wire, context, "/elsewhere/file", b"%d\n" % version * 100_000)
            acknowledged["file"] = version
    except GONE:
        return


async def check(wire: Wire, context: str, acknowledged: dict[str, int]) -> None:
    found = await children(wire, context)
    if acknowledged["tree"] or found:
        version = int(await fetch(wire, context, f"{ROOT}/version") or b"0")
        assert version >= acknowledged["tree"]
        names = {f"{version}-{number}" for number in range(FILES + 1)} | {"version"}
        assert set(found) == names
        for name in names - {f"{version}-0"}:
            assert await fetch(wire, context, f"{ROOT}/{name}") == b"%d\n" % version
        big = await fetch(wire, context, f"{ROOT}/{version}-0") or b""
        assert len(big) == 3_000_000
        assert set(big) <= set(b"%d" % version)
        acknowledged["tree"] = version
    content = await fetch(wire, context, "/elsewhere/file")
    if acknowledged["file"] or content:
        assert content is not None
        matched = re.fullmatch(rb"(\d+)\n(?:\1\n){99999}", content)
        assert matched
        assert int(matched[1]) >= acknowledged["file"]
        acknowledged["file"] = int(matched[1])


async def test_a_cancelled_upload_is_carried_out_or_not(tmp_path: Path) -> None:
    dice = random.Random(21)
    async with LocalRuntime(network="none") as runtime, wire_to(runtime) as wire:
        context = await new_context(wire, "c")
        session = await start(wire, item(context))
        live = runtime.sessions.get(session.id)
        transfers = Transfers(runtime.contexts, live.sandbox, lambda: False)
        (binding,) = live.contexts.bindings
        outcomes = set()
        for version in range(40):
            await wire.shell(session, f"cd {ROOT}; for i in 1 2 3 4; do echo {version} > $i; done")
            binding.fingerprint = ""
            task = asyncio.create_task(transfers.upload(binding.whole(), force=True))
            await anyio.sleep(dice.uniform(0.0, 0.03))  # the random moment
            task.cancel()
            await asyncio.wait([task])
            outcomes.add(task.cancelled())
            found = {await fetch(wire, context, f"{ROOT}/{name}") for name in (1, 2, 3, 4)}
            assert len(found) == 1
            stored = {path.name for path in runtime.contexts.packs.folder.iterdir()}
            assert stored == await runtime.contexts.store.packs()
            if not task.cancelled():
                assert found == {b"%d\n" % version}
        assert True in outcomes


async def test_a_full_disk_leaves_the_version_before(tmp_path: Path) -> None:
    packs = tmp_path / "data" / "packs"
    packs.mkdir(parents=True)
    small = [
        "bwrap",
        "--die-with-parent",
        "--dev-bind",
        "/",
        "/",
        "--size",
        "4000000",
        "--tmpfs",
        str(packs),
    ]
    data = str(tmp_path / "data")
    with serving(tmp_path, inside=small, data_dir=data, isolation="none") as server:
        async with wire_at(server.endpoint, server.api_key) as wire:
            await fill(wire, server)
        kill(server, signal.SIGTERM)


async def fill(wire: Wire, server: Server) -> None:
    context = await new_context(wire, "full")
    home = f"/tmp/agentbay-{server.process.pid}"
    session = await start(wire, item(context, home))
    await wire.shell(session, f"cd {home} && echo before > f")
    await sync(wire, session)
    await settled(wire, session)
    await wire.shell(session, f"cd {home} && echo after > f && head -c 9000000 /dev/zero > big")
    await sync(wire, session)
    failed = [found for found in await settled(wire, session) if found["taskType"] == "upload"]
    assert failed[0]["status"] == "Failed"
    assert "No space left on device" in failed[0]["errorMessage"]
    assert await fetch(wire, context, f"{home}/f") == b"before\n"
    link = await url(wire, context, f"{home}/f", "Upload")
    async with wire.http.put(link, data=io.BytesIO(bytes(9_000_000))) as response:
        assert (response.status, (await response.json())["Code"]) == (507, "InsufficientStorage")
    assert await fetch(wire, context, f"{home}/f") == b"before\n"
    # The remains are gone, so that what fits finds room again.
    await wire.shell(session, f"rm {home}/big")
    await sync(wire, session)
    await settled(wire, session)
    assert await fetch(wire, context, f"{home}/f") == b"after\n"
    await wire.shell(session, f"rm -r {home}")
    await end(wire, session)
