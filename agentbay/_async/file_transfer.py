"""Files and directories between this machine and a session, of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from agentbay._async import _directories as directories
from agentbay._async import _objects as objects
from agentbay._async._failures import is_lasting, refusal_text
from agentbay._async._lifetime import poll
from agentbay._async._objects import StepError, cause_of, step
from agentbay._wire.actions.contexts import GetAndLoadInternalContext
from agentbay.errors import AgentBayError, FileError
from agentbay.models.file_transfer import DownloadResult, UploadResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._async.session import AsyncSession
    from agentbay._wire.actions.contexts import InternalContextData
    from agentbay.models.file_transfer import DirectoryTransferResult

__all__ = ("AsyncFileTransfer",)

FILE_TRANSFER: Final = "file_transfer"
FINISHED: Final = frozenset(
    {"success", "successful", "ok", "finished", "done", "completed", "complete"}
)


class AsyncFileTransfer:
    """Carries files between this machine and one session.

    They go through a context that the session has for this, by signed URLs: the content never
    passes through the API.

    Args:
        agent_bay: The client.
        session: The session.
        http_timeout: Seconds without progress after which a transfer has failed.
        follow_redirects: Whether to go where the storage sends one.
    """

    def __init__(
        self,
        agent_bay: AsyncAgentBay,
        session: AsyncSession,
        *,
        http_timeout: float = 60.0,
        follow_redirects: bool = True,
    ) -> None:
        self._agent_bay = agent_bay
        self._session = session
        self._route = objects.Route(http_timeout, follow_redirects)
        self._context: InternalContextData | None = None

    @property
    def session(self) -> AsyncSession:
        """The session."""
        return self._session

    async def get_context_path(self) -> str | None:
        """Return the directory of the session that is meant for transfers.

        Returns:
            The directory, or ``None`` when it cannot be had.
        """
        try:
            return (await self._load_context()).context_path
        except StepError:
            return None

    async def _load_context(self) -> InternalContextData:
        if self._context is None:
            request = GetAndLoadInternalContext(
                session_id=self._session.session_id, context_types=[FILE_TRANSFER]
            )
            try:
                reply = await self._agent_bay._rpc.call(request)
            except AgentBayError as exc:
                raise StepError(str(exc)) from exc
            if reply.refusal is not None:
                text = reply.refusal.detail or refusal_text(reply.refusal)
                raise StepError(text) from reply.refusal
            usable = [item for item in reply.data or () if item.context_id and item.context_path]
            if not usable:
                raise StepError("Response contains no data")
            self._context = usable[0]
        return self._context

    async def upload(
        self,
        local_path: str,
        remote_path: str,
        *,
        content_type: str | None = None,
        wait: bool = True,
        wait_timeout: float = 30.0,
        poll_interval: float = 1.5,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> UploadResult:
        """Send a file of this machine into the session.

        Args:
            local_path: The file.
            remote_path: Where it goes; an absolute path.
            content_type: Sent to the storage where given.
            wait: Wait until the session has the file.
            wait_timeout: Seconds to wait for that, once the storage has the file.
            poll_interval: Longest time between two looks, in seconds.
            progress_cb: Called with the number of bytes sent so far.

        Returns:
            What was sent, or why not; failures are never raised.
        """
        if not await anyio.Path(local_path).is_file():
            return UploadResult.failure(f"Local file not found: {local_path}", path=remote_path)
        try:
            context_id = (await self._load_context()).context_id
        except StepError as exc:
            return UploadResult.failure(str(exc), cause_of(exc), path=remote_path)
        result = await objects.store(
            self._agent_bay,
            context_id,
            local_path,
            remote_path,
            content_type=content_type,
            route=self._route,
            progress=progress_cb,
        )
        if not result.success:
            return result
        try:
            result.request_id_sync = await self._begin(context_id, remote_path, "download")
            if wait:
                await self._wait(context_id, remote_path, "download", wait_timeout, poll_interval)
        except StepError as exc:
            result.success, result.error_message = False, str(exc)
            result.exception = cause_of(exc) or FileError(str(exc))
        return result

    async def download(
        self,
        remote_path: str,
        local_path: str,
        *,
        overwrite: bool = True,
        wait: bool = True,
        wait_timeout: float = 300.0,
        poll_interval: float = 1.5,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> DownloadResult:
        """Fetch a file of the session; the local file appears only when it is whole.

        Args:
            remote_path: The file; an absolute path.
            local_path: Where it goes; parent directories are created.
            overwrite: Replace a file that exists there.
            wait: Wait at most *wait_timeout* for the session to hand the file over, and insist
                on hearing that it has; otherwise as long as ``session.context.sync`` does.
            wait_timeout: Seconds to wait for that.
            poll_interval: Longest time between two looks, in seconds.
            progress_cb: Called with the number of bytes received so far.

        Returns:
            What was received, or why not; failures are never raised.
        """
        sync_id = None
        try:
            context_id = (await self._load_context()).context_id
            if wait:
                sync_id = await self._begin(context_id, remote_path, "upload")
                await self._wait(context_id, remote_path, "upload", wait_timeout, poll_interval)
            else:
                with step("session.context.sync(download) failed"):
                    synced = await self._session.context.sync(context_id, remote_path, "upload")
                    synced.raise_for_error()
                sync_id = synced.request_id
        except StepError as exc:
            return DownloadResult.failure(
                str(exc),
                cause_of(exc),
                path=remote_path,
                local_path=local_path,
                request_id_sync=sync_id,
            )
        result = await objects.fetch(
            self._agent_bay,
            context_id,
            remote_path,
            local_path,
            overwrite=overwrite,
            route=self._route,
            progress=progress_cb,
        )
        result.request_id_sync = sync_id
        return result

    async def _begin(self, context_id: str, path: str, mode: str) -> str:
        """Start to copy; the words of a failure are from this machine's point of view."""
        ours = "upload" if mode == "download" else "download"
        with step(f"session.context.sync({ours}) failed"):
            begun = await self._session.context._begin_sync(context_id, path, mode)
            begun.raise_for_error()
        return begun.request_id

    async def _wait(
        self, context_id: str, path: str, task_type: str, timeout: float, interval: float
    ) -> None:
        reason = "timeout"

        async def check() -> str | None:
            nonlocal reason
            try:
                tasks = (await self._session.context.info(context_id, path, task_type)).unwrap()
            except AgentBayError as exc:
                reason = f"info error: {exc}"
                return reason if is_lasting(exc) else None
            wanted = (context_id, path, task_type)
            tasks = [t for t in tasks if (t.context_id, t.path, t.task_type) == wanted]
            if not tasks:
                return None
            task = max(tasks, key=lambda task: task.start_time)
            if task.error_message or task.status == "Failed":
                return f"Task error: {task.error_message or task.status}"
            reason = "task not finished"
            return "" if task.status.lower() in FINISHED else None

        ended = await poll(check, timeout=timeout, interval=interval)
        problem = reason if ended is None else ended
        if problem:
            ours = "Upload" if task_type == "download" else "Download"
            raise StepError(f"{ours} sync not finished: {problem}")

    async def upload_directory(
        self,
        local_path: str,
        remote_path: str,
        *,
        wait_timeout: float = 300.0,
        poll_interval: float = 1.5,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> DirectoryTransferResult:
        """Send a directory of this machine into the session, with all it holds.

        What the directory in the session holds already stays, unless something of the same
        name arrives. Modes, times and symbolic links are kept; sockets, pipes and devices are
        left out. A copy of it all is made in the temporary directory on the way.

        Args:
            local_path: The directory.
            remote_path: The directory in the session; created where it is missing.
            wait_timeout: Seconds to wait for the session, for each step of its own.
            poll_interval: Longest time between two looks, in seconds.
            progress_cb: Called with the number of bytes sent so far.

        Returns:
            What was sent, or why not; failures are never raised.
        """
        return await directories.upload(
            self,
            local_path,
            remote_path,
            wait_timeout=wait_timeout,
            poll_interval=poll_interval,
            progress_cb=progress_cb,
        )

    async def download_directory(
        self,
        remote_path: str,
        local_path: str,
        *,
        overwrite: bool = True,
        wait_timeout: float = 300.0,
        poll_interval: float = 1.5,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> DirectoryTransferResult:
        """Fetch a directory of the session, with all it holds.

        Nothing appears locally before all of it has arrived and was checked: names that lead
        out of the directory, links that do, and devices are refused. Modes, times and symbolic
        links are kept; pipes are left out. A copy of it all is made beside *local_path* on the
        way.

        Args:
            remote_path: The directory in the session.
            local_path: Where its content goes; created where it is missing.
            overwrite: Add to a directory that exists there, replacing files of the same name.
            wait_timeout: Seconds to wait for the session, for each step of its own.
            poll_interval: Longest time between two looks, in seconds.
            progress_cb: Called with the number of bytes received so far.

        Returns:
            What was received, or why not; failures are never raised.
        """
        return await directories.download(
            self,
            remote_path,
            local_path,
            overwrite=overwrite,
            wait_timeout=wait_timeout,
            poll_interval=poll_interval,
            progress_cb=progress_cb,
        )
