"""The operations of the matrix: each is made ready, cut short, and looked at.

An operation is an asynchronous generator function. It makes ready what the operation needs,
yields the call that is to be cut short, and goes on when that has ended, however it has: then it
checks what must hold, and clears away what the caller would have to.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from agentbay import CreateSessionParams
from agentbay.models.context_sync import ContextSync
from tests.cancellation.world import PATIENCE, World, eventually

if TYPE_CHECKING:
    from agentbay import AsyncPtyHandle, AsyncSession
    from agentbay.models.session import SessionResult

__all__ = ("ANYWHERE", "COSTLY", "IN_SANDBOX", "Operation")

Call = Callable[[], Awaitable[object]]
Operation = Callable[[World], AsyncGenerator[Call, None]]

ANYWHERE: dict[str, Operation] = {}
"""Operations for every service that speaks the protocol."""
IN_SANDBOX: dict[str, Operation] = {}
"""Operations for which a session must really run something."""

COSTLY = frozenset({"delete_with_upload", "fleet_map", "fleet_of_many"})
"""Operations that wait for seconds when they are cut short."""

CONTENT = bytes(range(256)) * 4096
OLD_CONTENT = b"old"


def succeeding(call: Callable[[], Awaitable[Any]]) -> Call:
    """Check that *call*, when it is not cut short, does what it should."""

    async def checked() -> None:
        result = await call()
        assert result.success, result

    return checked


def anywhere(operation: Operation) -> Operation:
    ANYWHERE[operation.__name__] = operation
    return operation


def in_sandbox(operation: Operation) -> Operation:
    IN_SANDBOX[operation.__name__] = operation
    return operation


@anywhere
async def create(world: World) -> AsyncGenerator[Call, None]:
    made: list[SessionResult[AsyncSession]] = []

    async def call() -> None:
        made.append(await world.client.create(CreateSessionParams(labels={"made": "to end"})))

    yield call
    for result in made:
        assert (await result.unwrap().delete()).success


@in_sandbox
async def create_with_context(world: World) -> AsyncGenerator[Call, None]:
    context = (await world.client.context.get("matrix", create=True)).unwrap()
    params = CreateSessionParams(context_syncs=[ContextSync(context.id, "/home/wuying/kept")])
    made: list[SessionResult[AsyncSession]] = []

    async def call() -> None:
        made.append(await world.client.create(params))

    yield call
    for result in made:
        assert (await result.unwrap().delete()).success


@anywhere
async def session_scope(world: World) -> AsyncGenerator[Call, None]:
    async def call() -> None:
        async with world.client.session() as session:
            await session.call_mcp_tool("shell", {"command": "true"})

    yield call


@anywhere
async def delete(world: World) -> AsyncGenerator[Call, None]:
    session = await world.new_session()
    yield succeeding(session.delete)


@in_sandbox
async def delete_with_upload(world: World) -> AsyncGenerator[Call, None]:
    context = (await world.client.context.get("matrix", create=True)).unwrap()
    session = await world.new_session(ContextSync(context.id, "/home/wuying/kept"))
    content = secrets.token_hex(8)
    assert (await session.fs.write_file("/home/wuying/kept/file", content)).success
    yield succeeding(lambda: session.delete(sync_context=True))

    async def is_kept() -> bool:
        return await world.stored(context.id, "/home/wuying/kept/file") == content.encode()

    await eventually(is_kept, "what the session left is in its context")


@anywhere
async def pause(world: World) -> AsyncGenerator[Call, None]:
    yield succeeding(world.session.pause)
    await _wake(world)


@anywhere
async def resume(world: World) -> AsyncGenerator[Call, None]:
    assert (await world.session.pause()).success
    yield succeeding(world.session.resume)
    await _wake(world)


async def _wake(world: World) -> None:
    async def is_settled() -> bool:
        return (await world.session.get_status()).status in ("PAUSED", "RUNNING")

    await eventually(is_settled, "the session is paused or running")
    assert (await world.session.resume()).success


@anywhere
async def call_tool(world: World) -> AsyncGenerator[Call, None]:
    yield succeeding(lambda: world.session.call_mcp_tool("shell", {"command": "echo output"}))


@anywhere
async def list_all(world: World) -> AsyncGenerator[Call, None]:
    async def call() -> None:
        assert [info async for info in world.client.list_all(limit=1)]

    yield call


@anywhere
async def fleet_map(world: World) -> AsyncGenerator[Call, None]:
    async def work(session: AsyncSession, item: int) -> int:
        await session.call_mcp_tool("shell", {"command": "true"})
        return item

    async def call() -> None:
        async with world.client.fleet(concurrency=2) as fleet:
            done = [outcome.value async for outcome in fleet.map(work, range(3))]
        assert set(done) == {0, 1, 2}

    yield call


@anywhere
async def fleet_of_many(world: World) -> AsyncGenerator[Call, None]:
    async def call() -> None:
        async with world.client.fleet(concurrency=2) as fleet:
            made = [result.unwrap() for result in await fleet.create_many(2)]
            await fleet.delete_many(made)

    yield call


@in_sandbox
async def execute_command(world: World) -> AsyncGenerator[Call, None]:
    yield lambda: world.session.command.execute_command("echo output; exit 3")


@in_sandbox
async def write_bytes(world: World) -> AsyncGenerator[Call, None]:
    assert (await world.session.fs.write_bytes("written", OLD_CONTENT)).success
    yield succeeding(lambda: world.session.fs.write_bytes("written", CONTENT))
    found = (await world.session.fs.read_bytes("written")).unwrap()
    assert found in (OLD_CONTENT, CONTENT)
    await _no_file_left(world, ".agentbay-*")


@in_sandbox
async def read_bytes(world: World) -> AsyncGenerator[Call, None]:
    if not await world.session.fs.exists("large"):
        assert (await world.session.fs.write_bytes("large", CONTENT)).success

    async def call() -> None:
        assert (await world.session.fs.read_bytes("large")).unwrap() == CONTENT

    yield call


async def _no_file_left(world: World, pattern: str) -> None:
    async def are_gone() -> bool:
        return not await world.output(f"find . -name '{pattern}'")

    await eventually(are_gone, f"no file {pattern} in the session")


@in_sandbox
async def upload_file(world: World) -> AsyncGenerator[Call, None]:
    local = world.directory / "up"
    local.write_bytes(CONTENT)
    target = f"{await _home(world)}/uploaded"
    yield succeeding(lambda: world.session.fs.upload_file(str(local), target))
    found = await world.output(f"cat {target} 2>/dev/null | wc -c; rm -f {target}")
    assert int(found) in (0, len(CONTENT))


@in_sandbox
async def download_file(world: World) -> AsyncGenerator[Call, None]:
    source = f"{await _home(world)}/downloaded"
    if not await world.session.fs.exists(source):
        assert (await world.session.fs.write_bytes(source, CONTENT)).success
    local = world.directory / "down"
    yield succeeding(lambda: world.session.fs.download_file(source, str(local)))
    assert [path.name for path in world.directory.iterdir()] in ([], ["down"])
    if local.exists():
        assert local.read_bytes() == CONTENT
        local.unlink()


async def _home(world: World) -> str:
    return (await world.output("pwd")).strip()


@in_sandbox
async def upload_directory(world: World) -> AsyncGenerator[Call, None]:
    local = world.directory / "tree"
    local.mkdir(exist_ok=True)
    (local / "one").write_bytes(CONTENT)
    target = f"{await _home(world)}/tree"
    yield succeeding(lambda: world.session.fs.upload_directory(str(local), target))
    found = await world.output(f"cat {target}/one 2>/dev/null | wc -c; rm -rf {target}")
    assert int(found) in (0, len(CONTENT))
    assert [path.name for path in world.directory.iterdir()] == ["tree"]


@in_sandbox
async def download_directory(world: World) -> AsyncGenerator[Call, None]:
    source = f"{await _home(world)}/source"
    if not await world.session.fs.exists(f"{source}/one"):
        assert (await world.session.fs.create_directory(source)).success
        assert (await world.session.fs.write_bytes(f"{source}/one", CONTENT)).success
    local = world.directory / "got"
    yield succeeding(lambda: world.session.fs.download_directory(source, str(local)))
    assert [path.name for path in world.directory.iterdir()] in ([], ["got"])
    if local.exists():
        assert (local / "one").read_bytes() == CONTENT
        (local / "one").unlink()
        local.rmdir()


@in_sandbox
async def running_command(world: World) -> AsyncGenerator[Call, None]:
    marker = f"60{secrets.randbelow(10**6):06d}"

    async def call() -> None:
        async with await world.session.command.start(
            f"echo begun; sleep {marker}.5 & sleep {marker}"
        ) as running:
            await anext(running)

    yield call
    await _no_process_left(world, marker)


@in_sandbox
async def running_command_to_its_end(world: World) -> AsyncGenerator[Call, None]:
    async def call() -> None:
        running = await world.session.command.start("cat")
        try:
            assert (await running.communicate(b"in and out")).stdout == "in and out"
        finally:
            await running.close()

    yield call


async def _no_process_left(world: World, marker: str) -> None:
    async def are_gone() -> bool:
        return "none" in await world.output(f"pgrep -f '[s]leep {marker}' || echo none")

    await eventually(are_gone, f"no process of {marker} in the session")


@in_sandbox
async def run_code_streaming(world: World) -> AsyncGenerator[Call, None]:
    pieces: list[str] = []
    yield succeeding(
        lambda: world.session.code.run_code(
            "for number in range(3): print(number, flush=True)",
            "python",
            stream_beta=True,
            on_stdout=pieces.append,
        )
    )
    after = await world.session.code.run_code("print('again')", "python")
    assert after.logs.stdout == ["again\n"], after


@in_sandbox
async def create_terminal(world: World) -> AsyncGenerator[Call, None]:
    made: list[AsyncPtyHandle] = []

    async def call() -> None:
        made.append(await world.session.pty.create(shell="/bin/sh"))

    yield call
    for handle in made:
        await handle.kill()

    async def are_gone() -> bool:
        return not await world.session.pty.list()

    await eventually(are_gone, "no terminal runs in the session")


@in_sandbox
async def terminal(world: World) -> AsyncGenerator[Call, None]:
    handle = await world.session.pty.create(shell="/bin/sh")

    async def call() -> None:
        assert len(await world.session.pty.list()) == 1
        await handle.resize(100, 30)
        await handle.send_input(b"exit 3\n")
        assert await handle.wait() == 3

    yield call
    if handle.exit_code is None:
        await handle.kill()
        await handle.wait(PATIENCE)


@in_sandbox
async def watch(world: World) -> AsyncGenerator[Call, None]:
    place = f"{await _home(world)}/watched"
    assert (await world.session.fs.create_directory(place)).success

    async def call() -> None:
        async with world.session.fs.watch(place) as changes:
            assert (await world.session.fs.write_file(f"{place}/new", "text")).success
            await anext(changes)

    yield call
    await world.output(f"rm -rf {place}")


@in_sandbox
async def context_sync(world: World) -> AsyncGenerator[Call, None]:
    yield succeeding(world.session.context.sync)


@in_sandbox
async def context_upload(world: World) -> AsyncGenerator[Call, None]:
    context = (await world.client.context.get("matrix", create=True)).unwrap()
    name = f"/{secrets.token_hex(4)}"
    local = world.directory / "for-context"
    local.write_bytes(CONTENT)
    yield succeeding(lambda: world.client.context.upload_file(context.id, str(local), name))
    assert await world.stored(context.id, name) in (None, CONTENT)
