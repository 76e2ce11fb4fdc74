"""What the matrix works on, and what must be as it was after each cancellation."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import anyio
from attrs import define, field, frozen

from agentbay import AsyncAgentBay, AsyncSession, Config, CreateSessionParams
from agentbay.models.context_sync import ContextSync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ("PATIENCE", "Service", "World", "entered", "eventually")

PATIENCE = 10.0
"""Seconds for what goes on in the service after a call was cut short."""


async def eventually(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask until the answer is yes.

    Raises:
        AssertionError: it has not become so.
    """
    with anyio.move_on_after(PATIENCE):
        while not await is_so():  # noqa: ASYNC110 - the service does not tell
            await anyio.sleep(0.005)
        return
    raise AssertionError(f"not so after {PATIENCE:g} s: {what}")


@frozen
class Service:
    """Where a service is, and the key for it."""

    endpoint: str
    api_key: str = field(repr=False)

    def client(self, connector: aiohttp.BaseConnector | None = None) -> AsyncAgentBay:
        """Return a new client."""
        return AsyncAgentBay(self.api_key, Config(endpoint=self.endpoint, connector=connector))


@define(eq=False)
class World:
    """A service and its clients.

    Attributes:
        client: The client that is cancelled.
        witness: Another client, which says how things stand.
        session: A session of *client* that no operation ends.
        directory: A directory of this machine, empty at first.
        connector: The connections of *client*.
        before: Ids of the sessions that are there, and stay.
    """

    client: AsyncAgentBay
    witness: AsyncAgentBay
    session: AsyncSession
    directory: Path
    connector: aiohttp.BaseConnector
    before: set[str] = field(factory=set)

    async def new_session(self, *syncs: ContextSync) -> AsyncSession:
        """Create a session for one cancellation."""
        params = CreateSessionParams(context_syncs=list(syncs))
        return (await self.client.create(params)).unwrap()

    async def session_ids(self) -> set[str]:
        """Return the ids of all sessions that the service has."""
        return {info.session_id async for info in self.witness.list_all(limit=100)}

    async def output(self, command: str) -> str:
        """Return what *command* writes in the session, seen from outside the client."""
        seen = (await self.witness.get(self.session.session_id)).unwrap()
        return (await seen.command.execute_command(command)).unwrap().output

    async def stored(self, context_id: str, name: str) -> bytes | None:
        """Return a file of a context; ``None`` if there is none of that name."""
        local = self.directory.parent / f"stored-{secrets.token_hex(4)}"
        fetched = await self.witness.context.download_file(context_id, name, str(local))
        if not fetched.success:
            assert not local.exists()
            return None
        content = local.read_bytes()
        local.unlink()
        return content

    def connections(self) -> int:
        """Return how many connections of the client are in use."""
        return len(self.connector._acquired)

    async def check_untouched(self) -> None:
        """Check that no session is left over, and that client and session are usable."""

        async def as_before() -> bool:
            return await self.session_ids() == self.before

        await eventually(as_before, f"the sessions are {sorted(self.before)} and no others")
        assert (await self.client.list()).success
        ran = await self.session.command.execute_command("echo usable")
        assert (ran.success, ran.stdout) == (True, "usable\n"), ran


@asynccontextmanager
async def entered(
    service: Service,
    directory: Path,
    params: CreateSessionParams | None = None,
    *,
    reconnecting: bool = False,
) -> AsyncIterator[World]:
    """Make the clients and the session; all that they used is closed at the end.

    Args:
        service: What they are clients of.
        directory: Will be made.
        params: Of the session.
        reconnecting: Whether each request makes a connection of its own, which is some more
            suspensions.
    """
    await anyio.Path(directory).mkdir()
    async with (
        aiohttp.TCPConnector(limit=0, force_close=reconnecting) as connector,
        service.client(connector) as client,
        service.client() as witness,
        client.session(params) as session,
    ):
        world = World(client, witness, session, directory, connector)
        if session.ws_url:
            # Its tasks live as long as the client, so they are there before anything is counted.
            await session._channel().open()
        world.before = await world.session_ids()
        yield world
