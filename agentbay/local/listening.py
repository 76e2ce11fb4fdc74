"""How a server stops to listen without losing a connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from aiohttp import web

__all__ = ("stop_accepting",)


async def stop_accepting(listener: socket.socket, sites: Iterable[web.BaseSite]) -> None:
    """Stop the *sites* of *listener*; connections that they have accepted go on."""
    # asyncio drops a connection, unclosed, that it has accepted when the server closes. So first
    # nothing more is accepted, and what was has its turn.
    asyncio.get_running_loop().remove_reader(listener)
    await asyncio.sleep(0)
    for site in list(sites):
        await site.stop()
