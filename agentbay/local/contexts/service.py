"""All contexts of a runtime: their names, their content, and who uses them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

import anyio
from attrs import evolve

from agentbay._wire.envelope import Code, service_error
from agentbay.local.contexts.entries import ContextRecord
from agentbay.local.contexts.packs import Packs
from agentbay.local.contexts.settled import in_thread, settled
from agentbay.local.contexts.signing import Signer
from agentbay.local.contexts.store import ContextStore, context_not_found
from agentbay.local.ids import new_id
from agentbay.local.tasks import BackgroundTasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from agentbay.errors import ServiceError
    from agentbay.local.contexts.bindings import Binding
    from agentbay.local.contexts.entries import Object

__all__ = ("FILE_TRANSFER", "Contexts")

logger = logging.getLogger(__name__)

FILE_TRANSFER = "file_transfer"

_MAX_NAME = 255
_EXPIRE_SECONDS = 3600.0
_END_SECONDS = 10.0
_SECRET_BYTES = 32


class Written(Protocol):
    """Packs that have been written, or are being written."""

    @property
    def names(self) -> list[str]:
        """Their names."""

    def abandon(self) -> None:
        """Remove them."""


class Contexts:
    """The contexts of one data directory.

    Args:
        clock: Tells the time, for what expires.
    """

    def __init__(
        self,
        store: ContextStore,
        packs: Packs,
        signer: Signer,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.packs = packs
        self.signer = signer
        self.tasks = BackgroundTasks()
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._users: Counter[str] = Counter()
        self._clearing: set[str] = set()
        self._janitor: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, database: Path, packs: Path, *, clock: Callable[[], float] = time.time
    ) -> Contexts:
        """Open or create what is kept; remains of uploads that were interrupted are removed.

        Raises:
            LocalRuntimeError: The database cannot be used.
        """
        store = await ContextStore.open(database)
        try:
            folder = Packs(packs)
            await in_thread(folder.open, await store.packs())
            key = await store.secret("url", lambda: secrets.token_bytes(_SECRET_BYTES))
            contexts = cls(store, folder, Signer(key, clock), clock=clock)
            await contexts.expire()
        except BaseException:
            await store.close()
            raise
        contexts._janitor = contexts.tasks.spawn(contexts._expire_again(), "expire contexts")
        return contexts

    async def close(self) -> None:
        """Close everything; transfers have ended before, with their sessions. Idempotent."""
        await self.tasks.cancel(_END_SECONDS)
        await self.store.close()

    async def _expire_again(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRE_SECONDS)
            await self.expire()

    async def expire(self, context_id: str | None = None) -> None:
        """Remove what is kept no longer."""
        await self.discard(await self.store.expire(self._clock(), context_id))

    async def discard(self, packs: Iterable[str]) -> None:
        """Remove packs that nothing refers to."""
        names = list(packs)
        if names:
            await in_thread(self.packs.discard, names)

    @contextlib.asynccontextmanager
    async def changing(self, context_id: str) -> AsyncIterator[None]:
        """Let nobody else change the context for the time of the block."""
        lock = self._locks.get(context_id)
        if lock is None:
            lock = self._locks[context_id] = asyncio.Lock()
        async with lock:
            yield

    async def replace(
        self, context_id: str, removed: Iterable[bytes], added: Sequence[Object]
    ) -> int:
        """Remove and add objects, all at once; return the new version.

        Once begun it is done, even if the caller is cancelled.
        """
        return await settled(self._replace(context_id, removed, added))

    async def _replace(
        self, context_id: str, removed: Iterable[bytes], added: Sequence[Object]
    ) -> int:
        now = self._clock()
        stamped = [evolve(item, stored_at=now) for item in added]
        version, dead = await self.store.replace(context_id, removed, stamped)
        await self.discard(dead)
        return version

    async def abandon(self, written: Written) -> None:
        """Remove packs that were written for nothing.

        Whether they were, only the database can tell: a change that has begun is completed even
        when whoever asked for it is cancelled.
        """
        with anyio.CancelScope(shield=True):
            if not await self.store.refers_to(written.names):
                await in_thread(written.abandon)

    async def get(self, context_id: str) -> ContextRecord:
        """Return a context.

        Raises:
            ServiceError: There is none of that id.
        """
        found = await self.store.find(context_id=context_id)
        if found is None:
            raise context_not_found(context_id)
        return found

    async def find(self, name: str, *, create: bool) -> ContextRecord:
        """Return the context of a name, which can be created.

        Raises:
            ServiceError: There is none, or the name is not valid.
        """
        if create:
            check_name(name)
            await self.create(name)
        found = await self.store.find(name=name)
        if found is None:
            raise context_not_found(name)
        return found

    async def create(self, name: str, kind: str = "") -> ContextRecord | None:
        """Create a context; ``None`` if there is one of that name."""
        now = self._clock()
        record = ContextRecord(new_id("SdkCtx"), name, kind, now, now, 0)
        return record if await self.store.add(record) else None

    async def rename(self, context_id: str, name: str) -> None:
        """Rename a context.

        Raises:
            ServiceError: There is none of that id, or the name is taken or not valid.
        """
        check_name(name)
        await self.get(context_id)
        if not await self.store.rename(context_id, name):
            raise _invalid(f"The name {name!r} is taken by another context")

    async def delete(self, context_id: str) -> None:
        """Delete a context with all it holds.

        Raises:
            ServiceError: There is none of that id, or a session uses it.
        """
        await self.get(context_id)
        if self._users[context_id]:
            raise service_error(
                Code.CONTEXT_IN_USE,
                f"Context {context_id} is used by {self._users[context_id]} session(s), which "
                "have to be deleted first",
                http_status=409,
            )
        await self._remove(context_id)

    async def _remove(self, context_id: str) -> None:
        async with self.changing(context_id):
            await settled(self._forget(context_id))

    async def _forget(self, context_id: str) -> None:
        await self.discard(await self.store.remove(context_id))

    async def begin_clear(self, context_id: str) -> None:
        """Begin to remove all objects; the state is ``clearing`` until that is done.

        Raises:
            ServiceError: There is none of that id.
        """
        await self.get(context_id)
        if context_id not in self._clearing:
            self._clearing.add(context_id)
            self.tasks.spawn(self._clear(context_id), f"clear {context_id}")

    async def _clear(self, context_id: str) -> None:
        try:
            async with self.changing(context_id):
                await self.discard(await self.store.clear(context_id))
        finally:
            self._clearing.discard(context_id)

    def state(self, context_id: str) -> str:
        """Return the state of a context, in the spelling of the wire."""
        if context_id in self._clearing:
            return "clearing"
        return "in-use" if self._users[context_id] else "available"

    async def use(self, binding: Binding) -> None:
        """Count a session as one that uses a context, and keep its rules for old objects."""
        context_id = binding.context.id
        self._users[context_id] += 1
        try:
            await self.store.touch(context_id, self._clock())
            if not binding.is_mount and not binding.context.type:
                keys, seconds = binding.recycled(), binding.keep_seconds
                await self.store.set_lifecycle(context_id, binding.prefix, keys, seconds)
        except BaseException:
            self._users[context_id] -= 1
            raise

    async def leave(self, binding: Binding) -> None:
        """Undo `use`; a context of the session's own goes with it."""
        context_id = binding.context.id
        self._users[context_id] -= 1
        if not self._users[context_id]:
            del self._users[context_id]
        if binding.context.type:
            await self._remove(context_id)
        else:
            await self.store.touch(context_id, self._clock())


def check_name(name: str) -> None:
    """Accept the name of a context.

    Raises:
        ServiceError: It is blank, too long, or no text.
    """
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise _invalid(f"The name of a context must have 1 to {_MAX_NAME} printable characters")


def _invalid(problem: str) -> ServiceError:
    return service_error(Code.INVALID_PARAMETER, problem, http_status=400)
