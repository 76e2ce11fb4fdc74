"""Hand files from one session to another while both run, and keep them."""

import asyncio
import os

from agentbay import AsyncAgentBay, ContextSync, CreateSessionParams

DATA = "/home/wuying/data"


async def main() -> None:
    """Let one session give, and the other take."""
    async with AsyncAgentBay() as agent_bay:
        context = (await agent_bay.context.create(f"example-{os.getpid()}")).unwrap()
        params = CreateSessionParams(context_syncs=[ContextSync(context.id, DATA)])
        giver = (await agent_bay.create(params)).unwrap()
        taker = (await agent_bay.create(params)).unwrap()

        await giver.file_system.write_file(f"{DATA}/note.txt", "for you")
        print("given:", (await giver.context.sync(context.id, DATA, mode="upload")).success)
        print("taken:", (await taker.context.sync(context.id, DATA, mode="download")).success)
        print((await taker.file_system.read_text(f"{DATA}/note.txt")).content)

        for session in (giver, taker):
            print("deleted:", (await session.delete(sync_context=True)).success)
        await agent_bay.context.delete(context)


asyncio.run(main())
