"""Files between this machine and a context: a signed URL, then the transfer."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from attrs import frozen

from agentbay._async import _context_calls as calls
from agentbay._transport.objects import get_object, put_object
from agentbay._wire.actions.contexts import GetContextFileDownloadUrl, GetContextFileUploadUrl
from agentbay.errors import AgentBayError
from agentbay.models.file_transfer import DownloadResult, UploadResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentbay._async.agentbay import AsyncAgentBay
    from agentbay._transport.objects import Progress
    from agentbay.models.context import FileUrlResult

STORED = frozenset({200, 201, 204})
FOUND = 200


@frozen
class Route:
    """How a transfer goes.

    Attributes:
        timeout: Seconds without progress after which it has failed.
        follow_redirects: Whether to go where the storage sends one.
    """

    timeout: float = 60.0
    follow_redirects: bool = True


class StepError(Exception):
    """A step failed; the message is what the result says, the cause what it raises."""


@contextlib.contextmanager
def step(words: str) -> Iterator[None]:
    """Turn a failure into a :class:`StepError`; *words* begin its message."""
    try:
        yield
    except (AgentBayError, OSError) as exc:
        raise StepError(f"{words}: {exc}") from exc


def cause_of(error: StepError) -> AgentBayError | None:
    """Return the error of ours that a step failed with, if it was one."""
    return error.__cause__ if isinstance(error.__cause__, AgentBayError) else None


async def store(
    agent_bay: AsyncAgentBay,
    context_id: str,
    local_path: str,
    file_path: str,
    *,
    content_type: str | None,
    route: Route,
    progress: Progress | None,
) -> UploadResult:
    """Store a local file as the object *file_path*; failures are results."""
    if not await to_thread.run_sync(os.path.isfile, local_path):
        return UploadResult.failure(f"Local file not found: {local_path}", path=file_path)
    request = GetContextFileUploadUrl(context_id=context_id, file_path=file_path)
    known: dict[str, Any] = {"path": file_path}
    try:
        with step("get_file_upload_url failed"):
            signed = _usable(await calls.file_url(agent_bay._rpc, request))
        known["request_id_upload_url"] = signed.request_id
        with step("Upload exception"):
            sent = await put_object(
                agent_bay._http,
                signed.url,
                local_path,
                content_type=content_type,
                idle=route.timeout,
                follow_redirects=route.follow_redirects,
                progress=progress,
            )
        known["http_status"] = sent.status
        if sent.status not in STORED:
            raise StepError(f"Upload failed with HTTP {sent.status}")
    except StepError as exc:
        return UploadResult.failure(str(exc), cause_of(exc), **known)
    return UploadResult(success=True, etag=sent.etag, bytes_sent=sent.size, **known)


async def fetch(
    agent_bay: AsyncAgentBay,
    context_id: str,
    file_path: str,
    local_path: str,
    *,
    overwrite: bool,
    route: Route,
    progress: Progress | None,
) -> DownloadResult:
    """Fetch the object *file_path* into a local file; failures are results."""
    request = GetContextFileDownloadUrl(context_id=context_id, file_path=file_path)
    known: dict[str, Any] = {"path": file_path, "local_path": local_path}
    try:
        with step("get_file_download_url failed"):
            signed = _usable(await calls.file_url(agent_bay._rpc, request))
        known["request_id_download_url"] = signed.request_id
        with step("Download exception"):
            await to_thread.run_sync(_prepare, local_path, overwrite)
            received = await get_object(
                agent_bay._http,
                signed.url,
                local_path,
                overwrite=overwrite,
                idle=route.timeout,
                follow_redirects=route.follow_redirects,
                progress=progress,
            )
        known["http_status"] = received.status
        if received.status != FOUND:
            raise StepError(f"Download failed with HTTP {received.status}")
    except StepError as exc:
        return DownloadResult.failure(str(exc), cause_of(exc), **known)
    return DownloadResult(success=True, bytes_received=received.size, **known)


def _usable(signed: FileUrlResult) -> FileUrlResult:
    if not signed.success:
        raise signed.exception or AgentBayError(signed.error_message or "unknown error")
    return signed


def _prepare(local_path: str, overwrite: bool) -> None:
    target = Path(local_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        raise IsADirectoryError(f"{local_path} is a directory")
    if target.exists() and not overwrite:
        raise StepError(f"Destination exists and overwrite=False: {local_path}")
