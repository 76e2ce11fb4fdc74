"""Sessions with an owner: the labels that say whose they are, and their renewal.

A label is a lease: the process that created a session vouches for itself until a point in time,
and moves that on while it lives. What nobody vouches for any more, ``reap()`` deletes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import weakref
from typing import TYPE_CHECKING

import anyio
from attrs import define, field

from agentbay._async import _session_calls as calls
from agentbay._async._process import identity
from agentbay._wire.actions.sessions import GetLabel, SetLabel
from agentbay._wire.labels import ALIVE_UNTIL, OWNER, PROCESS
from agentbay.errors import AgentBayError, NotFoundError

if TYPE_CHECKING:
    from agentbay._transport.background import Background
    from agentbay._transport.rpc import Rpc
    from agentbay.models.results import OperationResult

__all__ = ("Ownership",)

logger = logging.getLogger("agentbay.owner")

ROUNDS_PER_LEASE = 4
PARALLEL_RENEWALS = 16


@define(eq=False)
class _Owned:
    """A live session of ours.

    Attributes:
        process: Who created it; after a fork that is not who runs.
        renewed: When its lease was last moved on, on the monotonic clock.
    """

    process: str
    renewed: float
    _locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, anyio.Lock] = field(
        factory=weakref.WeakKeyDictionary
    )

    def lock(self) -> anyio.Lock:
        """Return what keeps calls that replace the labels apart, on the running loop."""
        return self._locks.setdefault(asyncio.get_running_loop(), anyio.Lock())


class Ownership:
    """The sessions that one client created under the name of an owner.

    Their leases are renewed by a timer, on one event loop at a time: the one on which the first
    was created, and when that has ended, the next on which the client is used. Between two
    rounds there is no task, nor anything else that would keep the loop, the client or the
    program alive.

    Args:
        rpc: The API.
        background: Holds the rounds, and ends them with the client.
        owner: Name of the owner; without one nothing here does anything.
        lease: Seconds for which a process vouches for itself.
    """

    def __init__(self, rpc: Rpc, background: Background, owner: str | None, lease: float) -> None:
        self.owner = owner
        self._rpc = rpc
        self._background = background
        self._lease = lease
        self._sessions: dict[str, _Owned] = {}
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that renews
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def labels(self) -> dict[str, str]:
        """Return the labels of a session that this process is about to create."""
        return self._labels(identity()) if self.owner else {}

    def _labels(self, process: str) -> dict[str, str]:
        assert self.owner  # noqa: S101 - whoever asks has just seen it, for mypy
        until = int(time.time() + self._lease)
        return {OWNER: self.owner, PROCESS: process, ALIVE_UNTIL: str(until)}

    def add(self, session_id: str) -> None:
        """Vouch for a session, which was created with :meth:`labels`, from now on."""
        if self.owner:
            self._sessions[session_id] = _Owned(identity(), time.monotonic())
            self.keep_renewing()

    def forget(self, session_id: str) -> None:
        """Stop vouching for a session, which is gone."""
        self._sessions.pop(session_id, None)

    async def set_labels(self, session_id: str, labels: dict[str, str]) -> OperationResult[None]:
        """Replace the labels of any session; one of ours stays ours."""
        owned = self._sessions.get(session_id)
        if owned is None or calls.labels_problem(labels):
            return await calls.set_labels(self._rpc, session_id, labels)
        async with owned.lock():
            # In a forked child this moves the parent's lease, once: the parent stays the owner.
            ours = self._labels(owned.process)
            return await calls.set_labels(self._rpc, session_id, {**labels, **ours})

    def close(self) -> None:
        """Renew nothing any more; leases pass."""
        self._closed = True
        if self._timer is not None and self._pid == os.getpid():
            self._timer.cancel()
        self._timer = self._loop = None

    def keep_renewing(self) -> None:
        """See to it that leases are renewed: on the running loop, if the former one has ended."""
        if not self._sessions or self._closed:
            return
        if self._pid != os.getpid():
            # The parent's loop looks as if it ran here, too. Its sessions stay the parent's.
            self._pid, self._timer, self._loop = os.getpid(), None, None
        if self._loop is None or not self._loop.is_running():
            self._loop = asyncio.get_running_loop()
            self._start_timer()

    def _start_timer(self) -> None:
        assert self._loop is not None  # noqa: S101 - callers have just set or compared it
        delay = self._lease / ROUNDS_PER_LEASE
        self._timer = self._loop.call_later(delay, _ring, weakref.ref(self))

    def _begin_round(self) -> None:
        if self._loop is asyncio.get_running_loop() and not self._closed:
            self._background.start(self._renew_all())

    async def _renew_all(self) -> None:
        """Renew what is ours; what takes longer than one round goes first in the next."""
        here = identity()
        mine = [name for name, owned in self._sessions.items() if owned.process == here]
        mine.sort(key=lambda name: self._sessions[name].renewed)
        limiter = anyio.CapacityLimiter(PARALLEL_RENEWALS)
        with anyio.move_on_after(self._lease / ROUNDS_PER_LEASE):
            async with anyio.create_task_group() as group:
                for session_id in mine:
                    group.start_soon(self._renew, session_id, limiter)
        if self._loop is not asyncio.get_running_loop() or self._closed:
            return  # another has taken over meanwhile
        if self._sessions:
            self._start_timer()
        else:
            self._timer = self._loop = None

    async def _renew(self, session_id: str, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            owned = self._sessions.get(session_id)
            if owned is None:
                return
            try:
                async with owned.lock():
                    # Others may set labels, too; the service can only replace all at once.
                    found = await self._rpc.call(GetLabel(session_id=session_id))
                    if found.refusal is not None:
                        raise found.refusal
                    labels = dict(found.data.labels) if found.data is not None else {}
                    labels |= self._labels(owned.process)
                    kept = await self._rpc.call(SetLabel(session_id=session_id, labels=labels))
                    if kept.refusal is not None:
                        raise kept.refusal
            except NotFoundError:
                self.forget(session_id)
            except AgentBayError as exc:
                logger.warning("The lease of session %s was not renewed: %s", session_id, exc)
            else:
                owned.renewed = time.monotonic()


def _ring(reference: weakref.ref[Ownership]) -> None:
    """Begin a round of a client, unless nobody has it any more."""
    ownership = reference()
    if ownership is not None:
        ownership._begin_round()
