"""Deleting the sessions that dead processes left, and no others."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import anyio

from agentbay._async import _session_calls as calls
from agentbay._async._process import has_ended, identity
from agentbay._async.session import AsyncSession
from agentbay._async.session_iterator import AsyncSessionIterator
from agentbay._wire.labels import ALIVE_UNTIL, OWNER, PROCESS
from agentbay.errors import (
    AgentBayError,
    ConfigurationError,
    NotFoundError,
    RequestTimeoutError,
)
from agentbay.models.reap import ReapResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay._async.agentbay import AsyncAgentBay

__all__ = ("reap", "why_kept")

PAGE_SIZE = 100
PARALLEL = 16
SHOWN_PROBLEMS = 3

NO_OWNER = (
    "Whose sessions? Give reap() the name of an owner, or configure one with Config(owner=...) "
    "or AGENTBAY_OWNER"
)
_SECONDS = re.compile(r"\d{1,11}", re.ASCII)


def why_kept(labels: Mapping[str, str], owner: str, now: float, clock_skew: float) -> str:
    """Return why a session with these *labels* must not be deleted; empty if it may be.

    Args:
        labels: All labels of the session.
        owner: The owner whose sessions are looked at.
        now: Seconds since 1970 on this machine.
        clock_skew: By how many seconds the clocks of two machines may differ.
    """
    process = labels.get(PROCESS, "")
    if labels.get(OWNER) != owner:
        return "its labels do not name this owner"
    if not process:
        return "its labels do not name the process that created it"
    if process == identity():
        return "this process created it"
    ended = has_ended(process)
    if ended is None:
        return _why_trusted(process, labels.get(ALIVE_UNTIL, ""), now, clock_skew)
    return "" if ended else f"the process that created it exists: {process}"


def _why_trusted(process: str, seconds: str, now: float, clock_skew: float) -> str:
    """Return why a process is taken for alive which cannot be looked at; empty if it is not."""
    if not _SECONDS.fullmatch(seconds):
        return f"its labels do not say until when {process} vouches for it"
    until = int(seconds)
    if now > until + clock_skew:
        return ""
    told = datetime.fromtimestamp(until, timezone.utc).isoformat()
    return f"a process that cannot be seen from here vouches for it until {told}: {process}"


class _Sweep:
    """One look at all sessions of an owner."""

    def __init__(self, bay: AsyncAgentBay, owner: str, clock_skew: float) -> None:
        self.bay = bay
        self.owner = owner
        self.clock_skew = clock_skew
        self.pending: list[str] | None = None  # until they are listed
        self.deleted: list[str] = []
        self.kept: dict[str, str] = {}
        self.failed: dict[str, AgentBayError] = {}

    async def run(self) -> None:
        """Look at all.

        Raises:
            AgentBayError: they could not be listed; then none was deleted.
        """
        # All pages first: sessions that go meanwhile could move others to a page already seen.
        listing = AsyncSessionIterator(self.bay, {OWNER: self.owner}, PAGE_SIZE)
        found = [str(item) async for item in listing]
        self.pending = pending = list(dict.fromkeys(found))
        async with anyio.create_task_group() as group:
            for _ in range(min(PARALLEL, len(pending))):
                group.start_soon(self._work, pending)

    async def _work(self, pending: list[str]) -> None:
        while pending:
            session_id = pending.pop()
            # What a deadline interrupts is told as such.
            self.failed[session_id] = RequestTimeoutError("The deadline passed before its end")
            try:
                await self._look_at(session_id)
            except AgentBayError as exc:
                self.failed[session_id] = exc
            else:
                del self.failed[session_id]

    async def _look_at(self, session_id: str) -> None:
        """Decide about one session, and delete it if that is due.

        Raises:
            AgentBayError: its labels cannot be had, or it cannot be deleted.
        """
        try:
            found = await calls.get_labels(self.bay._rpc, session_id)
            labels = found.unwrap() or {}
        except AgentBayError as exc:
            if isinstance(exc.__cause__ or exc, NotFoundError):
                return  # gone since it was listed
            raise
        reason = why_kept(labels, self.owner, time.time(), self.clock_skew)
        if reason:
            self.kept[session_id] = reason
            return
        (await AsyncSession(self.bay, session_id).delete()).raise_for_error()
        self.deleted.append(session_id)

    def result(self) -> ReapResult:
        """Return what was done; a success if nothing is left to be done."""
        if self.pending is None:
            problem = f"The sessions of {self.owner!r} were not listed before the deadline"
            return ReapResult.failure(problem, RequestTimeoutError(problem))
        late = RequestTimeoutError("The deadline passed before it was looked at")
        failed = {**self.failed, **dict.fromkeys(self.pending, late)}
        deleted = tuple(self.deleted)
        if not failed:
            return ReapResult(success=True, deleted=deleted, kept=self.kept)
        problems = [f"{session_id}: {error}" for session_id, error in failed.items()]
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        more = "; ..." if len(problems) > SHOWN_PROBLEMS else ""
        problem = f"Sessions of {self.owner!r} that may be left: {len(failed)} ({shown}{more})"
        return ReapResult.failure(problem, deleted=deleted, kept=self.kept, failed=failed)


async def reap(
    bay: AsyncAgentBay, owner: str | None, *, clock_skew: float, timeout: float
) -> ReapResult:
    """Delete the sessions of *owner* whose process is dead; failures are results."""
    if not owner or not owner.strip():
        return ReapResult.failure(NO_OWNER, ConfigurationError(NO_OWNER))
    sweep = _Sweep(bay, owner, clock_skew)
    with anyio.move_on_after(timeout):
        try:
            await sweep.run()
        except AgentBayError as exc:
            return ReapResult.failure(f"Failed to reap the sessions of {owner!r}: {exc}", exc)
    return sweep.result()
