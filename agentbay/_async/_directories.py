"""Whole directories between this machine and a session: as one archive, by file transfer."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import tempfile
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

from agentbay._async._archives import in_thread, install, pack, unpack
from agentbay._async._objects import StepError, cause_of, step
from agentbay._transport.finishing import finish, finish_or_undo
from agentbay.errors import AgentBayError
from agentbay.models.file_transfer import DirectoryTransferResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agentbay._async.file_transfer import AsyncFileTransfer
    from agentbay._transport.objects import Progress

CLEAN_UP_SECONDS: Final = 15.0


async def upload(
    transfer: AsyncFileTransfer,
    local_path: str,
    remote_path: str,
    *,
    wait_timeout: float,
    poll_interval: float,
    progress_cb: Progress | None,
) -> DirectoryTransferResult:
    """Send a directory; failures are results."""
    result = DirectoryTransferResult(path=remote_path, local_path=local_path)
    try:
        if not await anyio.Path(local_path).is_dir():
            raise StepError(f"Local directory not found: {local_path}")
        remote = await _remote_archive(transfer)
        async with _temporary_directory() as folder, _removed(transfer, remote):
            archive = folder / "archive.tar"
            with step("Upload exception"):
                packed = await in_thread(pack, Path(local_path), archive)
            sent = await transfer.upload(
                str(archive),
                remote,
                wait_timeout=wait_timeout,
                poll_interval=poll_interval,
                progress_cb=progress_cb,
            )
            if not sent.success:
                raise StepError(sent.error_message) from sent.exception
            source, into = shlex.quote(remote), shlex.quote(remote_path)
            command = f"mkdir -p -- {into} && tar -xpf {source} -C {into}"
            await _run(transfer, command, wait_timeout, "Unpacking in the session failed")
    except StepError as exc:
        return _failed(result, exc)
    result.success, result.bytes_transferred = True, sent.bytes_sent
    result.entries, result.skipped = packed.entries, packed.skipped
    return result


async def download(
    transfer: AsyncFileTransfer,
    remote_path: str,
    local_path: str,
    *,
    overwrite: bool,
    wait_timeout: float,
    poll_interval: float,
    progress_cb: Progress | None,
) -> DirectoryTransferResult:
    """Fetch a directory; failures are results."""
    result = DirectoryTransferResult(path=remote_path, local_path=local_path)
    target = await anyio.Path(local_path).resolve()
    try:
        if not overwrite and await target.exists():
            raise StepError(f"Destination exists and overwrite=False: {local_path}")
        remote = await _remote_archive(transfer)
        with step("Download exception"):
            await target.parent.mkdir(parents=True, exist_ok=True)
        async with _temporary_directory(beside=target) as folder:
            archive = folder / "archive.tar"
            async with _removed(transfer, remote):
                place, source = shlex.quote(remote), shlex.quote(remote_path)
                parent = shlex.quote(str(PurePosixPath(remote).parent))
                command = f"mkdir -p {parent} && tar -cf {place} -C {source} ."
                await _run(transfer, command, wait_timeout, "Packing in the session failed")
                received = await transfer.download(
                    remote,
                    str(archive),
                    wait_timeout=wait_timeout,
                    poll_interval=poll_interval,
                    progress_cb=progress_cb,
                )
                if not received.success:
                    raise StepError(received.error_message) from received.exception
            with step("Download exception"):
                unpacked = await in_thread(unpack, archive, folder / "tree")
                await in_thread(install, unpacked, Path(target))
    except StepError as exc:
        return _failed(result, exc)
    result.success, result.bytes_transferred = True, received.bytes_received
    result.entries, result.skipped = unpacked.entries, unpacked.skipped
    return result


def _failed(result: DirectoryTransferResult, error: StepError) -> DirectoryTransferResult:
    return DirectoryTransferResult.failure(
        str(error), cause_of(error), path=result.path, local_path=result.local_path
    )


async def _remote_archive(transfer: AsyncFileTransfer) -> str:
    """Return a path in the session that nothing else uses."""
    folder = (await transfer._load_context()).context_path
    return f"{folder.rstrip('/')}/{uuid.uuid4().hex}.tar"


@contextlib.asynccontextmanager
async def _temporary_directory(beside: anyio.Path | None = None) -> AsyncIterator[Path]:
    with step("No temporary directory"):
        parent = None if beside is None else str(beside.parent)
        made = await finish_or_undo(
            lambda: to_thread.run_sync(lambda: tempfile.mkdtemp("", ".agentbay-", parent)),
            lambda late: to_thread.run_sync(shutil.rmtree, late),
            grace=CLEAN_UP_SECONDS,
        )
    try:
        yield Path(made)
    finally:
        await finish(lambda: to_thread.run_sync(shutil.rmtree, made), grace=CLEAN_UP_SECONDS)


@contextlib.asynccontextmanager
async def _removed(transfer: AsyncFileTransfer, remote: str) -> AsyncIterator[None]:
    """Remove an archive from the session and its context at the end, whatever that is."""

    async def remove() -> None:
        with anyio.move_on_after(CLEAN_UP_SECONDS):
            session = transfer.session
            await session.command.execute_command(f"rm -f {shlex.quote(remote)}", 10_000)
            context_id = (await transfer._load_context()).context_id
            # What cannot be deleted was never stored, or goes with the session.
            with contextlib.suppress(AgentBayError):
                await session.agent_bay.context.delete_file(context_id, remote)

    try:
        yield
    finally:
        await finish(remove, grace=CLEAN_UP_SECONDS)


async def _run(transfer: AsyncFileTransfer, command: str, timeout: float, words: str) -> None:
    done = await transfer.session.command.execute_command(command, int(timeout * 1000))
    if not done.success:
        raise StepError(f"{words}: {done.error_message or done.stderr}") from done.exception
