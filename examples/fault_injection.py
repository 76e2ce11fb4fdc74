"""A program against a service that misbehaves: what it is told, and that it goes on."""

from __future__ import annotations

import asyncio

from agentbay import AsyncAgentBay, Config, CreateSessionParams
from agentbay.local import LocalRuntime
from agentbay.testing import DiskFull, FaultPlan, FaultRule, SandboxKilled, Throttled

PLAN = FaultPlan(
    [
        FaultRule(Throttled(retry_after=1), name="CreateMcpSession", nth=1),
        FaultRule(DiskFull(disk_bytes=1_000_000), times=1),
        FaultRule(SandboxKilled(), name="shell", nth=2),
    ]
)


async def main() -> None:
    """Use a service that throttles, has little room, and loses a session."""
    params = CreateSessionParams(image_id="linux_latest")
    async with (
        LocalRuntime(faults=PLAN) as runtime,
        AsyncAgentBay(runtime.api_key, Config(endpoint=runtime.endpoint)) as bay,
    ):
        first = (await bay.create(params)).unwrap()  # throttled, and asked for again
        full = await first.command.execute_command("head -c 2000000 /dev/zero > large")
        print("written:", full.success, full.error_message.strip().rpartition(": ")[2])
        lost = await first.command.execute_command("echo hi")
        print("works when killed:", lost.success)
        async with bay.session(params) as second:
            print((await second.command.execute_command("echo hi")).output, end="")
    print(dict(PLAN.injected))


asyncio.run(main())
