"""Contexts: storage that outlives sessions."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from agentbay._async import _context_calls as calls
from agentbay._async import _objects as objects
from agentbay._async._lifetime import poll
from agentbay._async.context_iterator import AsyncContextFileIterator, AsyncContextIterator
from agentbay._wire.actions.contexts import (
    ClearContext,
    DeleteContext,
    DeleteContextFile,
    DescribeContextFiles,
    GetContext,
    GetContextFileDownloadUrl,
    GetContextFileUploadUrl,
    ListContexts,
    ModifyContext,
)
from agentbay._wire.envelope import malformed_part
from agentbay.errors import AgentBayError, ClearanceTimeoutError, ProtocolError
from agentbay.models.context import ClearContextResult
from agentbay.models.results import OperationResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._wire.request import Request
    from agentbay.models.context import (
        Context,
        ContextFileListResult,
        ContextListParams,
        ContextListResult,
        ContextResult,
        FileUrlResult,
    )
    from agentbay.models.file_transfer import DownloadResult, UploadResult

__all__ = ("AsyncContextService",)

logger = logging.getLogger("agentbay.context")

CLEARING = "clearing"
AVAILABLE = "available"
CLEARING_STATES = (CLEARING, "pre-available", AVAILABLE)


class AsyncContextService:
    """Creates, finds and deletes contexts, and reaches the files in them.

    Args:
        agent_bay: The client.
    """

    def __init__(self, agent_bay: AsyncAgentBay) -> None:
        self._agent_bay = agent_bay

    @property
    def agent_bay(self) -> AsyncAgentBay:
        """The client whose contexts these are."""
        return self._agent_bay

    async def list(self, params: ContextListParams | None = None) -> ContextListResult:
        """List contexts, one page at a time.

        Args:
            params: Which page, and of what size; the first ten when ``None``.

        Returns:
            One page; failures are never raised.
        """
        size = params.max_results if params is not None else None
        request = ListContexts(
            max_results=calls.DEFAULT_PAGE_SIZE if size is None else size,
            next_token=params.next_token if params is not None else None,
            session_id=params.session_id if params is not None else None,
        )
        return await calls.list_page(self._agent_bay._rpc, request)

    def list_all(
        self, session_id: str | None = None, limit: int | None = None
    ) -> AsyncContextIterator:
        """Return an iterator over the contexts on all pages.

        Pages are fetched as they are needed. What cannot be listed is raised while iterating.

        Args:
            session_id: List only contexts of this session.
            limit: Contexts per page; default 10.
        """
        return AsyncContextIterator(self._agent_bay, session_id, limit)

    async def get(
        self, name: str | None = None, create: bool = False, context_id: str | None = None
    ) -> ContextResult:
        """Look a context up by its name or its id.

        Args:
            name: Its name.
            create: Create it if there is none of that name.
            context_id: Its id, instead of the name.

        Returns:
            The context, or why it cannot be had.

        Raises:
            AgentBayError: neither name nor id is given, or *create* comes with an id.
        """
        if not name and not context_id:
            raise AgentBayError("Either 'name' or 'context_id' must be provided")
        if create and context_id:
            raise AgentBayError(
                "Cannot create context using context_id. Use 'name' parameter when create=True"
            )
        request = GetContext(
            name=name or None,
            context_id=context_id or None,
            allow_create=create,
            login_region_id=(self._agent_bay.region_id or None) if create else None,
        )
        return await calls.get(self._agent_bay._rpc, request)

    async def create(self, name: str) -> ContextResult:
        """Create a context, or return the one that has this name already.

        Args:
            name: Its name.

        Raises:
            AgentBayError: the name is empty.
        """
        return await self.get(name, create=True)

    async def update(self, context: Context) -> OperationResult[bool]:
        """Give *context* the name that its ``name`` says.

        Raises:
            AgentBayError: the service could not be asked.
        """
        request = ModifyContext(id=context.id, name=context.name)
        return await self._change(request, f"Failed to update context {context.id}")

    async def delete(self, context: Context) -> OperationResult[bool]:
        """Delete *context* with all it holds.

        Raises:
            AgentBayError: the service could not be asked.
        """
        request = DeleteContext(id=context.id)
        return await self._change(request, f"Failed to delete context {context.id}")

    async def _change(self, request: Request[None], doing: str) -> OperationResult[bool]:
        try:
            reply = await self._agent_bay._rpc.call(request)
        except ProtocolError as exc:
            text = f"Failed to parse response: {exc}"
            if malformed_part(exc) == "body":
                text = "Invalid response format"
            return OperationResult.failure(text, exc, data=False)
        except AgentBayError as exc:
            raise AgentBayError(f"{doing}: {exc}") from exc
        if reply.refusal is None:
            return OperationResult(reply.request_id, True, True)
        code, detail = reply.refusal.code or "Unknown", reply.refusal.detail or "Unknown error"
        return OperationResult.failure(
            f"[{code}] {detail}", reply.refusal, request_id=reply.request_id, data=False
        )

    async def get_file_download_url(self, context_id: str, file_path: str) -> FileUrlResult:
        """Ask for a URL to ``GET`` a file of a context from; it expires after an hour.

        Args:
            context_id: The context.
            file_path: The file's whole path.

        Raises:
            AgentBayError: the service could not be asked.
        """
        request = GetContextFileDownloadUrl(context_id=context_id, file_path=file_path)
        return await calls.file_url(self._agent_bay._rpc, request)

    async def get_file_upload_url(self, context_id: str, file_path: str) -> FileUrlResult:
        """Ask for a URL to ``PUT`` a file of a context to; it expires after an hour.

        Args:
            context_id: The context.
            file_path: The file's whole path.

        Raises:
            AgentBayError: the service could not be asked.
        """
        request = GetContextFileUploadUrl(context_id=context_id, file_path=file_path)
        return await calls.file_url(self._agent_bay._rpc, request)

    async def upload_file(
        self,
        context_id: str,
        local_path: str,
        file_path: str,
        *,
        content_type: str | None = None,
        timeout: float = 60.0,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> UploadResult:
        """Store a file of this machine in a context, replacing what is there.

        Args:
            context_id: The context.
            local_path: The file.
            file_path: Where it goes, as a whole path.
            content_type: Sent along where given.
            timeout: Seconds without progress after which the transfer has failed.
            progress_cb: Called with the number of bytes sent so far.

        Returns:
            What was sent, or why not; failures are never raised.
        """
        return await objects.store(
            self._agent_bay,
            context_id,
            local_path,
            file_path,
            content_type=content_type,
            route=objects.Route(timeout),
            progress=progress_cb,
        )

    async def download_file(
        self,
        context_id: str,
        file_path: str,
        local_path: str,
        *,
        overwrite: bool = True,
        timeout: float = 60.0,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> DownloadResult:
        """Fetch a file of a context; the local file appears only when it is whole.

        Args:
            context_id: The context.
            file_path: The file's whole path.
            local_path: Where it goes; parent directories are created.
            overwrite: Replace a file that exists there.
            timeout: Seconds without progress after which the transfer has failed.
            progress_cb: Called with the number of bytes received so far.

        Returns:
            What was received, or why not; failures are never raised.
        """
        return await objects.fetch(
            self._agent_bay,
            context_id,
            file_path,
            local_path,
            overwrite=overwrite,
            route=objects.Route(timeout),
            progress=progress_cb,
        )

    async def delete_file(self, context_id: str, file_path: str) -> OperationResult[None]:
        """Delete a file of a context.

        Args:
            context_id: The context.
            file_path: The file's whole path.

        Raises:
            AgentBayError: the service could not be asked.
        """
        request = DeleteContextFile(context_id=context_id, file_path=file_path)
        reply = await self._agent_bay._rpc.call(request)
        if reply.refusal is not None:
            return calls.refused(OperationResult, reply)
        return OperationResult(reply.request_id, True)

    async def list_files(
        self,
        context_id: str,
        parent_folder_path: str,
        page_number: int = 1,
        page_size: int = 50,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> ContextFileListResult:
        """List what a folder of a context holds, one page at a time.

        Args:
            context_id: The context.
            parent_folder_path: The folder.
            page_number: Which page, counted from 1.
            page_size: Entries per page.
            max_results: Entries per page; with this or the next, pages go by token.
            next_token: Where to go on.

        Raises:
            AgentBayError: the service could not be asked.
        """
        by_token = max_results is not None or next_token is not None
        request = DescribeContextFiles(
            context_id=context_id,
            parent_folder_path=parent_folder_path,
            page_number=None if by_token else page_number,
            page_size=None if by_token else page_size,
            max_results=max_results,
            next_token=next_token,
        )
        return await calls.list_file_page(self._agent_bay._rpc, request)

    def list_all_files(
        self, context_id: str, parent_folder_path: str, limit: int | None = None
    ) -> AsyncContextFileIterator:
        """Return an iterator over all that a folder of a context holds.

        Pages are fetched as they are needed. What cannot be listed is raised while iterating.

        Args:
            context_id: The context.
            parent_folder_path: The folder; folders in it are listed, but not what they hold.
            limit: Entries per page; default 50.
        """
        return AsyncContextFileIterator(self._agent_bay, context_id, parent_folder_path, limit)

    async def clear_async(self, context_id: str) -> ClearContextResult:
        """Start to empty a context, without waiting for the end.

        Args:
            context_id: The context.

        Raises:
            AgentBayError: the service could not be asked.
        """
        try:
            reply = await self._agent_bay._rpc.call(ClearContext(id=context_id))
        except AgentBayError as exc:
            if malformed_part(exc) == "body":
                return ClearContextResult.failure("Empty response body", exc)
            text = f"Failed to start context clearing for {context_id}: {exc}"
            raise AgentBayError(text) from exc
        if reply.refusal is not None:
            return calls.refused(ClearContextResult, reply)
        return ClearContextResult(reply.request_id, True, status=CLEARING, context_id=context_id)

    start_clear = clear_async

    async def get_clear_status(self, context_id: str) -> ClearContextResult:
        """Ask how far the emptying of a context is.

        Args:
            context_id: The context.

        Returns:
            The status, ``available`` when it is empty; failures are never raised.
        """
        try:
            reply = await self._agent_bay._rpc.call(GetContext(context_id=context_id))
        except AgentBayError as exc:
            is_empty = malformed_part(exc) == "body"
            text = "Empty response body" if is_empty else f"Failed to get clear status: {exc}"
            return ClearContextResult.failure(text, exc)
        if reply.refusal is not None:
            return calls.refused(ClearContextResult, reply)
        if reply.data is None:
            return ClearContextResult.failure("No data in response", request_id=reply.request_id)
        state = reply.data.state or CLEARING
        found = reply.data.id or context_id
        return ClearContextResult(reply.request_id, True, status=state, context_id=found)

    async def clear(
        self, context_id: str, timeout: float = 60, poll_interval: float = 2.0
    ) -> ClearContextResult:
        """Empty a context and wait until it is done.

        Args:
            context_id: The context.
            timeout: Seconds to wait.
            poll_interval: Longest time between two looks at its state, in seconds.

        Returns:
            The status ``available``, or the failure that ended it.

        Raises:
            ClearanceTimeoutError: it was not done in time.
            AgentBayError: the service could not be asked.
        """
        begun = time.monotonic()
        start = await self.clear_async(context_id)
        if not start.success:
            return start

        async def check() -> ClearContextResult | None:
            found = await self.get_clear_status(context_id)
            if not found.success:
                return found
            if found.status not in CLEARING_STATES:
                logger.warning("Context %s is in state %s", context_id, found.status)
            if found.status != AVAILABLE:
                return None
            return ClearContextResult(
                start.request_id, True, status=AVAILABLE, context_id=context_id
            )

        ended = await poll(check, timeout=timeout, interval=poll_interval)
        if ended is None:
            seconds = time.monotonic() - begun
            raise ClearanceTimeoutError(f"Context clearing timed out after {seconds:.2f} seconds")
        return ended
