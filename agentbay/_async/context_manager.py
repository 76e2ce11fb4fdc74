"""The contexts of one session: what travels between them and the session, and when."""

from __future__ import annotations

import inspect
import logging
import time
from typing import TYPE_CHECKING

import anyio

from agentbay._async._context_calls import refused
from agentbay._async._creation import is_downloaded, persistence_item
from agentbay._async._failures import is_lasting
from agentbay._async._lifetime import poll_times, quick_pauses
from agentbay._wire.actions.contexts import (
    BindContexts,
    DescribeSessionContexts,
    GetContextInfo,
    SyncContext,
)
from agentbay._wire.envelope import malformed_part
from agentbay.errors import AgentBayError, ProtocolError
from agentbay.models.context import (
    ContextBinding,
    ContextBindingsResult,
    ContextBindResult,
    ContextInfoResult,
    ContextStatusData,
    ContextSyncResult,
)
from agentbay.models.context_sync import ContextSync

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from agentbay._async.session import AsyncSession
    from agentbay.models.context_mount import BetaContextMount

__all__ = ("AsyncContextManager",)

logger = logging.getLogger("agentbay.context")

SYNC_GROWTH, SYNC_LONGEST = 1.1, 5.0
"""By what the pauses between two looks at a synchronisation grow, and up to what."""
DELETE_LOOKS = 150
BIND_LOOKS, BIND_INTERVAL = 60, 2.0
ARRIVAL_LOOKS, ARRIVAL_INTERVAL = 150, 0.5
START_SECONDS = 1.0
"""After this time, a binding that is not being downloaded will not be: there is nothing."""
LAST_WORD_SECONDS = 5.0

UNPAIRED = (
    "context_id and path must be provided together or both omitted. If you want to sync a "
    "specific context, both context_id and path are required. If you want to sync all "
    "contexts, omit both parameters."
)


class AsyncContextManager:
    """Synchronises one session with its contexts.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session whose contexts these are."""
        return self._session

    async def info(
        self,
        context_id: str | None = None,
        path: str | None = None,
        task_type: str | None = None,
    ) -> ContextInfoResult:
        """Ask how the tasks stand that copy between the session and its contexts.

        Args:
            context_id: Only tasks of this context.
            path: Only tasks of this path.
            task_type: Only ``upload`` (into the context) or ``download`` (into the session).

        Raises:
            AgentBayError: the service could not be asked.
        """
        request = GetContextInfo(
            session_id=self._session.session_id,
            context_id=context_id or None,
            path=path or None,
            task_type=task_type or None,
        )
        reply = await self._session._rpc.call(request)
        if reply.refusal is not None:
            return refused(ContextInfoResult, reply)
        items = [
            ContextStatusData(
                item.context_id,
                item.path,
                item.error_message,
                item.status,
                item.start_time,
                item.finish_time,
                item.task_type,
            )
            for item in (reply.data.items() if reply.data is not None else ())
        ]
        return ContextInfoResult(reply.request_id, True, items)

    async def sync(
        self,
        context_id: str | None = None,
        path: str | None = None,
        mode: str | None = None,
        callback: Callable[[bool], Awaitable[None] | None] | None = None,
        max_retries: int = 150,
        retry_interval: int = 500,
    ) -> ContextSyncResult:
        """Copy between the session and its contexts, and wait until it is done.

        With a *callback* this returns as soon as the copying has begun; the callback is then
        called once, with whether it went well, also when the client is closed meanwhile. It
        may not be when the program exits.

        Args:
            context_id: Only this context; needs *path*.
            path: Only what is bound to this path; needs *context_id*.
            mode: ``upload`` (into the context) or ``download`` (into the session); the service
                uploads when ``None``.
            callback: Called at the end, instead of waiting here for it.
            max_retries: How often to look whether it is done.
            retry_interval: Milliseconds between the first two looks; later ones are up to 5 s
                apart.

        Raises:
            ValueError: only one of *context_id* and *path* is given.
            AgentBayError: the service could not be asked to begin.
        """
        context_id, path = _given(context_id), _given(path)
        if (context_id is None) != (path is None):
            raise ValueError(UNPAIRED)
        begun = await self._begin_sync(context_id, path, mode)
        if not begun.success:
            return begun

        async def ending() -> ContextSyncResult:
            return await self._end_of_sync(begun, context_id, path, max_retries, retry_interval)

        if callback is None:
            return await ending()
        self._session.agent_bay._background.start(_tell(callback, ending))
        return begun

    async def _begin_sync(
        self, context_id: str | None = None, path: str | None = None, mode: str | None = None
    ) -> ContextSyncResult:
        request = SyncContext(
            session_id=self._session.session_id,
            context_id=context_id,
            path=path,
            mode=mode,  # type: ignore[arg-type]  # the service judges
        )
        reply = await self._session._rpc.call(request)
        if reply.refusal is not None:
            return refused(ContextSyncResult, reply)
        return ContextSyncResult(reply.request_id, True)

    async def _end_of_sync(
        self,
        begun: ContextSyncResult,
        context_id: str | None,
        path: str | None,
        looks: int,
        interval_ms: int,
    ) -> ContextSyncResult:
        async def check() -> ContextSyncResult | None:
            tasks = await self._look(context_id, path)
            if isinstance(tasks, AgentBayError):
                if not is_lasting(tasks):
                    return None
                return ContextSyncResult.failure(
                    f"Context sync cannot be followed: {tasks}", tasks, request_id=begun.request_id
                )
            if not all(task.is_final for task in tasks):
                return None
            problems = failures(tasks)
            if problems:
                text = "; ".join(problems)
                return ContextSyncResult.failure(text, request_id=begun.request_id)
            return begun

        interval = interval_ms / 1000
        times = looks + len(quick_pauses(interval)) if looks > 0 else 0
        ended = await poll_times(
            check, times=times, interval=interval, growth=SYNC_GROWTH, longest=SYNC_LONGEST
        )
        if ended is not None:
            return ended
        text = f"Context sync timed out after {looks} polls"
        return ContextSyncResult.failure(text, request_id=begun.request_id)

    async def _look(
        self, context_id: str | None = None, path: str | None = None
    ) -> Sequence[ContextStatusData] | AgentBayError:
        """Return the tasks that copy; or why they are not known now."""
        try:
            found = await self.info(context_id, path)
            tasks = found.unwrap()
        except AgentBayError as exc:
            return exc
        return [task for task in tasks if task.task_type in {"upload", "download"}]

    async def _upload_before_delete(
        self, context_id: str | None = None, path: str | None = None, *, poll_interval: float
    ) -> None:
        """Upload and wait for the uploads. The session ends in any case, so failures are logged."""
        session_id = self._session.session_id
        try:
            (await self._begin_sync(context_id, path)).raise_for_error()
        except AgentBayError as exc:
            logger.error("Session %s is deleted without synchronisation: %s", session_id, exc)
            return

        async def check() -> Sequence[ContextStatusData] | None:
            tasks = await self._look(context_id, path)
            if isinstance(tasks, AgentBayError):
                if not is_lasting(tasks):
                    return None
                logger.error("The uploads of session %s are unknown: %s", session_id, tasks)
                return ()
            uploads = [task for task in tasks if task.task_type == "upload"]
            return uploads if all(task.is_final for task in uploads) else None

        uploads = await poll_times(check, times=DELETE_LOOKS, interval=poll_interval)
        if uploads is None:
            logger.error("Session %s is deleted before its uploads have ended", session_id)
        for task in uploads or ():
            if task.status == "Failed":
                logger.error(
                    "Upload of %s of session %s into context %s failed: %s",
                    task.path,
                    session_id,
                    task.context_id,
                    task.error_message,
                )

    async def bind(
        self, *contexts: ContextSync | BetaContextMount, wait_for_completion: bool = True
    ) -> ContextBindResult:
        """Attach contexts to the running session.

        Args:
            contexts: What to attach, and where.
            wait_for_completion: Wait until their files have arrived. Mounts need no waiting.

        Returns:
            Whether they are attached. That their files did not arrive in time, or at all, is
            logged; :meth:`info` tells more.

        Raises:
            AgentBayError: the service could not be asked.
        """
        if not contexts:
            return ContextBindResult.failure("No contexts provided")
        request = BindContexts(
            session_id=self._session.session_id,
            persistence_data_list=[persistence_item(context) for context in contexts],
        )
        reply = await self._session._rpc.call(request)
        if reply.refusal is not None:
            code, detail = reply.refusal.code or "Unknown", reply.refusal.detail or "Unknown error"
            return ContextBindResult.failure(
                f"[{code}] {detail}", reply.refusal, request_id=reply.request_id
            )
        if wait_for_completion:
            await self._wait_for_arrival([c for c in contexts if isinstance(c, ContextSync)])
        return ContextBindResult(reply.request_id, True)

    async def _wait_for_arrival(self, syncs: Sequence[ContextSync]) -> None:
        wanted = {sync.context_id for sync in syncs}

        async def bound() -> bool | None:
            try:
                found = await self.list_bindings()
            except AgentBayError as exc:
                return False if is_lasting(exc) else None
            return True if wanted <= {binding.context_id for binding in found.bindings} else None

        if not wanted:
            return
        if not await poll_times(bound, times=BIND_LOOKS, interval=BIND_INTERVAL):
            logger.warning("Contexts %s are not listed as bound", ", ".join(sorted(wanted)))
            return
        for sync in syncs:
            if is_downloaded(sync):
                await self._wait_for_download(sync)

    async def _wait_for_download(self, sync: ContextSync) -> None:
        begun = time.monotonic()

        async def arrived() -> str | None:
            tasks = await self._look(sync.context_id, sync.path)
            if isinstance(tasks, AgentBayError):
                return str(tasks) if is_lasting(tasks) else None
            tasks = [task for task in tasks if task.task_type == "download"]
            if not tasks:
                return "" if time.monotonic() - begun > START_SECONDS else None
            problems = failures(tasks)
            if problems:
                return "; ".join(problems)
            return "" if all(task.is_final for task in tasks) else None

        problem = await poll_times(
            arrived,
            times=ARRIVAL_LOOKS,
            interval=ARRIVAL_INTERVAL,
            growth=SYNC_GROWTH,
            longest=SYNC_LONGEST,
        )
        if problem != "":
            reason = problem or "it takes too long"
            logger.warning(
                "Context %s did not arrive at %s: %s", sync.context_id, sync.path, reason
            )

    async def list_bindings(self) -> ContextBindingsResult:
        """List the contexts that are attached to the session.

        Raises:
            AgentBayError: the service could not be asked.
        """
        request = DescribeSessionContexts(session_id=self._session.session_id)
        try:
            reply = await self._session._rpc.call(request)
        except ProtocolError as exc:
            if not malformed_part(exc):
                raise
            return ContextBindingsResult.failure("Unexpected response format", exc)
        if reply.refusal is not None:
            return refused(ContextBindingsResult, reply)
        bindings = [
            ContextBinding(
                item.context_id, item.context_name, item.path, item.policy, item.bind_time
            )
            for item in reply.data or ()
        ]
        return ContextBindingsResult(reply.request_id, True, bindings)


def failures(tasks: Sequence[ContextStatusData]) -> list[str]:
    """Return what the failed ones of *tasks* say."""
    return [
        task.error_message or f"{task.task_type} of {task.path} failed"
        for task in tasks
        if task.status == "Failed"
    ]


def _given(value: str | None) -> str | None:
    return value if value and value.strip() else None


async def _tell(
    callback: Callable[[bool], Awaitable[None] | None],
    ending: Callable[[], Awaitable[ContextSyncResult]],
) -> None:
    """Call *callback* with how it ended, exactly once; being cancelled is a bad end."""
    went_well = False
    try:
        went_well = (await ending()).success
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(LAST_WORD_SECONDS, shield=True):
            await _call(callback, False)
        raise
    except Exception:
        # Such as the one of an interpreter that is exiting and has no threads any more.
        logger.exception("A context synchronisation cannot be followed to its end")
    await _call(callback, went_well)


async def _call(callback: Callable[[bool], Awaitable[None] | None], went_well: bool) -> None:
    try:
        pending = callback(went_well)
        if inspect.isawaitable(pending):
            await pending
    except Exception:
        logger.exception("The callback of a context synchronisation failed")
