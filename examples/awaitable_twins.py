"""Use a blocking session inside a running event loop, awaiting what takes long."""

import asyncio
import warnings

from agentbay import AgentBay, BlockingCallWarning, CreateSessionParams


async def main() -> None:
    """Run the example."""
    agent_bay = AgentBay()
    # A blocking call stops the event loop meanwhile, which is what the warning is about.
    warnings.simplefilter("ignore", BlockingCallWarning)
    session = agent_bay.create(CreateSessionParams(image_id="linux_latest")).unwrap()
    try:
        print("paused:", (await session.pause_async()).status)
        print("resumed:", (await agent_bay.resume_async(session)).status)
        link = await session.get_link_async(protocol_type="https", port=30150)
        print("link:", link.success)
    finally:
        session.delete().unwrap()


asyncio.run(main())
