"""Many sessions at once in an asyncio program: by items, and held by hand."""

import asyncio

from agentbay import AsyncAgentBay, AsyncSession, CreateSessionParams


async def square(session: AsyncSession, number: int) -> int:
    """Let the session of this item do the work."""
    done = await session.command.execute_command(f"echo $(({number} * {number}))")
    return int(done.unwrap().stdout)


async def processors(session: AsyncSession) -> str:
    """Do the same in every session."""
    return (await session.command.execute_command("nproc")).unwrap().stdout.strip()


async def main() -> None:
    """Use one fleet in two ways; all of its sessions are deleted at the end of the block."""
    params = CreateSessionParams(image_id="linux_latest")
    async with (
        AsyncAgentBay() as agent_bay,
        agent_bay.fleet(params, concurrency=5, reuse=True) as fleet,
    ):
        squares = [outcome.unwrap() async for outcome in fleet.map(square, range(20))]
        print(sum(squares), "in at most 5 sessions:", fleet.stats.created <= 5)

        sessions = [created.unwrap() for created in await fleet.create_many(3)]
        outcomes = await fleet.run_all(sessions, processors, timeout=30)
        print("the same everywhere:", len({outcome.value for outcome in outcomes}) == 1)
        deleted = await fleet.delete_many(sessions)
        print("deleted:", all(deleted))
    print("left:", fleet.stats.alive)


asyncio.run(main())
