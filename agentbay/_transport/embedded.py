"""The one place where the client starts the runtime embedded in its process."""

from __future__ import annotations

import os

import anyio.to_thread

from agentbay._transport.rpc import Target

__all__ = ("embedded_target",)

_known: dict[int, Target] = {}
"""By process id: a forked child has a runtime of its own."""


async def embedded_target() -> Target:
    """Return where the embedded runtime listens, starting it on first use.

    Raises:
        AgentBayError: it cannot be started here; the message says what is missing.
    """
    pid = os.getpid()
    if pid not in _known:
        from agentbay.local.embedded import start_embedded

        running = await anyio.to_thread.run_sync(start_embedded)
        _known[pid] = Target(running.endpoint, running.api_key)
    return _known[pid]
