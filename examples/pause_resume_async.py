"""Freeze two sessions at once, and wake them again."""

import asyncio

from agentbay import AsyncAgentBay, CreateSessionParams


async def main() -> None:
    """Run the example."""
    params = CreateSessionParams(image_id="linux_latest")
    async with (
        AsyncAgentBay() as agent_bay,
        agent_bay.session(params) as first,
        agent_bay.session(params) as second,
    ):
        paused = await asyncio.gather(first.pause_async(), agent_bay.pause_async(second))
        print("paused:", [result.status for result in paused])
        resumed = await asyncio.gather(first.resume_async(), agent_bay.resume_async(second))
        print("resumed:", [result.status for result in resumed])


asyncio.run(main())
