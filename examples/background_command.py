"""Start a command, talk to it, and end it."""

import asyncio

from agentbay import AsyncAgentBay, CreateSessionParams


async def main() -> None:
    """Run the example."""
    async with (
        AsyncAgentBay() as agent_bay,
        agent_bay.session(CreateSessionParams(image_id="linux_latest")) as session,
    ):
        async with await session.command.start(
            "while read name; do echo hello $name; done"
        ) as chat:
            for name in ("Ada", "Grace"):
                await chat.write(f"{name}\n".encode())
            await chat.close_stdin()
            async for piece in chat:
                print(f"{piece.stream}: {piece.text}", end="")
            print("exit status:", await chat.wait())
        async with await session.command.start("sleep 1000") as sleeper:
            await sleeper.terminate()
            print("stopped:", await sleeper.wait(10))


asyncio.run(main())
