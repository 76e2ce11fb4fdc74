"""One transfer: a tree from a session into a context, or the reverse.

The sandbox names files only inside the tree; where that is in the context is decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
from attrs import evolve, frozen

from agentbay.local.contexts.archives import ArchiveSink
from agentbay.local.contexts.entries import Kind, Object
from agentbay.local.contexts.intake import Intake, PlainSink
from agentbay.local.contexts.keys import join, relative, shown
from agentbay.local.contexts.outlet import tree_of
from agentbay.local.contexts.service import Contexts
from agentbay.local.contexts.settled import in_thread
from agentbay.local.sandbox.base import Sandbox, WorkerError
from agentbay.local.worker.records import RecordError
from agentbay.local.worker.selection import Selection, needs_sandbox
from agentbay.models.context_sync import UploadMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from agentbay.local.contexts.bindings import Scope
    from agentbay.local.sandbox.base import Stream

__all__ = ("NothingThereError", "StalledError", "Transfers")

_STALL_SECONDS = 60.0
_TICK_SECONDS = 1.0
_SELECT_SECONDS = 60.0
_MAX_ANSWER = 1000


class NothingThereError(Exception):
    """There is nothing to transfer."""


class StalledError(Exception):
    """The session did not move for too long."""


@frozen
class Transfers:
    """Transfers of one session.

    Attributes:
        is_held: Whether the session is paused, so that waiting for it is no sign of trouble.
    """

    contexts: Contexts
    sandbox: Sandbox
    is_held: Callable[[], bool]

    async def upload(self, scope: Scope, *, force: bool) -> None:
        """Store what is in the session as a new version; the context holds the old one till then.

        A tree that has not changed since it was transferred is left alone; unless, with *force*,
        somebody else has changed the context.
        """
        binding = scope.binding
        known = binding.fingerprint if scope.is_whole else ""
        if known and force and binding.version != await self._version(scope):
            known = ""
        sink = self._sink(scope)
        try:
            intake = await self._receive(scope, sink, known)
            if intake.unchanged:
                return
            found = await in_thread(sink.finish)
            version = await self._commit(scope, found)
        except BaseException:
            await self.contexts.abandon(sink)
            raise
        if scope.is_whole:
            binding.fingerprint, binding.version = intake.fingerprint, version

    def _sink(self, scope: Scope) -> PlainSink | ArchiveSink:
        durable = not scope.binding.context.type
        uploading = scope.binding.policy.upload_policy
        if scope.is_whole and uploading.upload_mode is UploadMode.ARCHIVE:
            excluded = uploading.archive_exclude_paths
            return ArchiveSink(self.contexts.packs, excluded, durable=durable)
        return PlainSink(self.contexts.packs, durable=durable)

    async def _receive(self, scope: Scope, sink: PlainSink | ArchiveSink, known: str) -> Intake:
        intake = Intake(sink)
        rules = scope.binding.rules if scope.is_whole else []
        params = {"path": scope.root, "rules": rules, "known": known}
        try:
            with _Watchdog(self.is_held) as watchdog:
                stream = await self._open("read_tree", params)
                try:
                    stream.end()
                    while data := await stream.receive():
                        watchdog.moved()
                        await in_thread(intake.feed, data)
                finally:
                    stream.close()
        except WorkerError as exc:
            # Deleted as a whole, it is an empty tree; a part that was asked for has to be there.
            if exc.code != "not_found" or not scope.is_whole:
                raise
            intake.ended = True
        if not intake.ended:
            raise RecordError("the files of the session ended before their end was seen")
        return intake

    async def _commit(self, scope: Scope, found: Sequence[Object]) -> int:
        contexts, context_id = self.contexts, scope.binding.context.id
        new = [evolve(item, key=join(scope.prefix, item.key)) for item in found]
        async with contexts.changing(context_id):
            old = await contexts.store.objects(context_id, scope.prefix)
            removed = await self._missing(scope, old, new)
            return await contexts.replace(context_id, removed, new)

    async def _missing(
        self, scope: Scope, old: Sequence[Object], new: Sequence[Object]
    ) -> list[bytes]:
        """Return which of the *old* objects are gone: deleted in the session, or superseded."""
        kept = {item.key for item in new}
        solid = {item.key for item in new if item.kind is not Kind.DIRECTORY}
        packed = {join(scope.prefix, item.target) for item in new if item.kind is Kind.ARCHIVE}
        folders = {folder for key in kept for folder in _folders_of(key, scope.prefix)}
        left = [item for item in old if item.key not in kept]
        in_the_way = {
            item.key
            for item in left
            if (item.key in folders and item.kind is not Kind.DIRECTORY)
            or not (solid | packed).isdisjoint([item.key, *_folders_of(item.key, scope.prefix)])
        }
        if scope.binding.mirrors:
            in_the_way |= {item.key for item in await self._covered(scope, left)}
        return sorted(in_the_way)

    async def download(self, scope: Scope) -> None:
        """Write what the context holds into the session; files there that it lacks stay.

        Raises:
            NothingThereError: There is no such object; a whole binding may be empty.
        """
        contexts, binding = self.contexts, scope.binding
        await contexts.expire(binding.context.id)
        with contextlib.ExitStack() as reading:
            async with contexts.changing(binding.context.id):
                version = await self._version(scope)
                found = await contexts.store.objects(binding.context.id, scope.prefix)
                packs = [item.pack for item in found if item.pack]
                reading.enter_context(contexts.packs.reading(packs))
            if not found and not scope.is_whole:
                raise NothingThereError(f"The context holds nothing at {shown(scope.prefix)!r}")
            if scope.is_whole:
                found = await self._covered(scope, found)
            fingerprint = await self._send(scope, found)
        if scope.is_whole:
            first = not binding.received
            binding.received = True
            # Only a session that was new is known to hold nothing else.
            binding.fingerprint = fingerprint if first else ""
            binding.version = version

    async def _send(self, scope: Scope, found: Iterable[Object]) -> str:
        rules = scope.binding.rules if scope.is_whole else []
        unpacking = scope.binding.policy.extract_policy
        pieces = tree_of(found, scope.prefix, self.contexts.packs, unpacking)
        answer = b""
        with contextlib.closing(pieces), _Watchdog(self.is_held) as watchdog:
            stream = await self._open("write_tree", {"path": scope.root, "rules": rules})
            try:
                while piece := await in_thread(_next_of, pieces):
                    await stream.send(piece)
                    watchdog.moved()
                stream.end()
                while data := await stream.receive():
                    answer += data
                    if len(answer) > _MAX_ANSWER:
                        raise RecordError("an answer that is too long")
            finally:
                stream.close()
        return answer.decode("ascii", errors="replace")

    async def _covered(self, scope: Scope, items: Sequence[Object]) -> list[Object]:
        """Return those *items* that the white lists cover."""
        rules = scope.binding.rules if scope.is_whole else []
        names = [shown(relative(_named(item), scope.prefix)) for item in items]
        if not rules or not names:
            return list(items)
        selection = Selection([] if needs_sandbox(rules) else rules)
        if needs_sandbox(rules):
            params = {"names": names, "rules": rules}
            reply = await self.sandbox.call("select_names", params, timeout=_SELECT_SECONDS)
            covered = set(reply.result["covered"])
        else:
            covered = {index for index, name in enumerate(names) if selection.covers(name)}
        return [
            item
            for index, item in enumerate(items)
            if index in covered or item.kind is Kind.ARCHIVE
        ]

    async def _version(self, scope: Scope) -> int:
        return (await self.contexts.get(scope.binding.context.id)).version

    async def _open(self, method: str, params: Mapping[str, object]) -> Stream:
        # The watchdog has an eye on that as well, and knows when the session is paused.
        return await self.sandbox.open_stream(method, params, timeout=math.inf)


class _Watchdog:
    """Ends what is in its block when that has not moved for a minute.

    The time that the session is paused does not count.
    """

    def __init__(self, is_held: Callable[[], bool]) -> None:
        self._is_held = is_held
        self._scope = anyio.CancelScope()
        self._idle = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def moved(self) -> None:
        """Note that there was progress."""
        self._idle = 0.0

    def __enter__(self) -> _Watchdog:
        self._scope.__enter__()
        self._wait()
        return self

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._idle = 0.0 if self._is_held() else self._idle + _TICK_SECONDS
        if self._idle < _STALL_SECONDS:
            self._wait()
        else:
            self._scope.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if self._timer is not None:
            self._timer.cancel()
        handled = self._scope.__exit__(kind, error, trace)
        if self._scope.cancelled_caught:
            raise StalledError(f"The session did not move for {_STALL_SECONDS:g} seconds")
        return handled


def _next_of(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")


def _named(item: Object) -> bytes:
    """Return the key that white lists know an object by: an archive is its directory."""
    if item.kind is not Kind.ARCHIVE:
        return item.key
    return item.key.rpartition(b"/")[0] + b"/" + item.target


def _folders_of(key: bytes, prefix: bytes) -> list[bytes]:
    """Return the keys of the folders around *key*, up to *prefix*."""
    parts = relative(key, prefix).split(b"/")
    return [join(prefix, b"/".join(parts[:count])) for count in range(1, len(parts))]
