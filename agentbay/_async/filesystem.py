"""Files in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentbay._async import _file_contents as contents
from agentbay._async._directory_thread import DirectoryThread
from agentbay._async.directory_watch import AsyncDirectoryWatch
from agentbay._async.file_transfer import AsyncFileTransfer
from agentbay._wire.tools.files import (
    CreateDirectory,
    DeleteFile,
    DirectoryLine,
    Edit,
    EditFile,
    GetFileInfo,
    ListDirectory,
    MoveFile,
    ReadMultipleFiles,
    SearchFiles,
)
from agentbay.errors import FileError, RemoteFileNotFoundError
from agentbay.models.filesystem import (
    DirectoryEntry,
    DirectoryListResult,
    FileInfoResult,
    FileSearchResult,
    MultipleFileContentResult,
)
from agentbay.models.results import BoolResult

if TYPE_CHECKING:
    import builtins
    import threading
    from collections.abc import Awaitable, Callable

    from agentbay._async.session import AsyncSession
    from agentbay._wire.tools.base import Tool
    from agentbay.models.file_transfer import (
        DirectoryTransferResult,
        DownloadResult,
        UploadResult,
    )
    from agentbay.models.filesystem import (
        BinaryFileContentResult,
        FileChangeCallback,
        FileContentResult,
        WatchThread,
    )
    from agentbay.models.session import McpToolResult

__all__ = ("AsyncFileSystem",)


class AsyncFileSystem:
    """The files of one session. Relative paths start at its home directory.

    Failures are results, whatever their cause; ``unwrap()`` turns them into errors. Names may
    have any characters that the session's system allows.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._transfer = AsyncFileTransfer(session.agent_bay, session)

    @property
    def session(self) -> AsyncSession:
        """The session whose files these are."""
        return self._session

    async def read_file(
        self,
        path: str,
        *,
        format: str = "text",  # noqa: A002 - the name is given
    ) -> FileContentResult | BinaryFileContentResult:
        """Return the content of a file of any size.

        :meth:`read_text` and :meth:`read_bytes` do the same with one type of result each.

        Args:
            path: The file; a symbolic link is followed.
            format: ``bytes`` for the bytes as they are. Anything else means text, in which
                bytes that are not UTF-8 appear as U+FFFD.
        """
        if format == "bytes":
            return await contents.read_bytes(self._session, path)
        return await contents.read_text(self._session, path)

    async def read_text(self, path: str) -> FileContentResult:
        """Return the text of a file. Bytes that are not UTF-8 appear as U+FFFD.

        Args:
            path: The file; a symbolic link is followed.
        """
        return await contents.read_text(self._session, path)

    async def read_bytes(self, path: str) -> BinaryFileContentResult:
        """Return the bytes of a file.

        Args:
            path: The file; a symbolic link is followed.
        """
        return await contents.read_bytes(self._session, path)

    async def read_multiple_files(self, paths: builtins.list[str]) -> MultipleFileContentResult:
        """Return the texts of several small files at once.

        The service's answer is one text, which does not carry them faithfully: white space
        around a text is lost, a line ``---`` in it ends it, and a file that cannot be read has
        an explanation in place of its text. Use :meth:`read_file` where that matters.

        Args:
            paths: The files; a path with a colon cannot be told from its text.
        """
        result = await self._call(ReadMultipleFiles(paths=paths))
        if not result.success:
            return MultipleFileContentResult.failure(
                *_reasons(result, "Failed to read multiple files"), request_id=result.request_id
            )
        texts = ReadMultipleFiles.parse(result.data)
        return MultipleFileContentResult(result.request_id, True, texts)

    async def write_file(self, path: str, content: str, mode: str = "overwrite") -> BoolResult:
        """Write text to a file, creating it and its parent directories.

        Text of more than 8 MB (50 kB in a session without a direct route) is written in several
        steps; until the last one, readers see a part of it.

        Args:
            path: The file; a symbolic link is followed.
            content: The text; stored as UTF-8, with its line ends as they are.
            mode: ``overwrite`` replaces the content, ``append`` adds to it.
        """
        return await contents.write_text(self._session, path, content, mode)

    async def write_bytes(
        self, path: str, content: bytes | bytearray | memoryview, mode: str = "overwrite"
    ) -> BoolResult:
        """Write bytes to a file, creating it and its parent directories.

        Whatever its size, a file that is overwritten is replaced in one step, and keeps its
        mode. The session needs ``sh`` and ``base64``.

        Args:
            path: The file; a symbolic link is followed.
            content: The bytes.
            mode: ``overwrite`` replaces the content, ``append`` adds to it.
        """
        return await contents.write_bytes(self._session, path, content, mode)

    async def edit_file(
        self, path: str, edits: builtins.list[dict[str, str]], dry_run: bool = False
    ) -> BoolResult:
        """Replace pieces of a text file.

        Args:
            path: The file.
            edits: What to do, in this order: each ``{"oldText": ..., "newText": ...}`` replaces
                the first match only. If one has no match, the file stays as it is.
            dry_run: Only check that all edits have a match.
        """
        try:
            checked = [Edit(edit["oldText"], edit["newText"]) for edit in edits]
        except (KeyError, TypeError) as exc:
            message = f"Failed to edit file: an edit has to have oldText and newText: {exc!r}"
            return BoolResult.failure(message, FileError(message))
        return _done(await self._call(EditFile(path=path, edits=checked, dry_run=dry_run)))

    async def create_directory(self, path: str) -> BoolResult:
        """Create a directory and its parents; one that exists is fine."""
        return _done(await self._call(CreateDirectory(path=path)))

    async def delete_file(self, path: str) -> BoolResult:
        """Delete a file, a symbolic link (not its target) or an empty directory."""
        return _done(await self._call(DeleteFile(path=path)))

    async def move_file(self, source: str, destination: str) -> BoolResult:
        """Move or rename a file or directory.

        Args:
            source: What to move.
            destination: Its new path; a file that is there is replaced.
        """
        result = await self._call(MoveFile(source=source, destination=destination))
        return _done(result, "Failed to move file")

    async def get_file_info(self, path: str) -> FileInfoResult:
        """Return the facts about what *path* leads to; symbolic links are followed."""
        result = await self._call(GetFileInfo(path=path))
        if not result.success:
            return FileInfoResult.failure(
                *_reasons(result, "Failed to get file info"), request_id=result.request_id
            )
        return FileInfoResult(result.request_id, True, GetFileInfo.parse(result.data))

    async def exists(self, path: str) -> bool:
        """Return whether *path* leads to a file or directory.

        Raises:
            AgentBayError: it could not be found out, for example for lack of permission.
        """
        result = await self.get_file_info(path)
        try:
            result.unwrap()
        except RemoteFileNotFoundError:
            return False
        except FileError as exc:
            if "not a directory" in str(exc).lower():
                return False  # a parent is a file
            raise
        return True

    async def list_directory(self, path: str) -> DirectoryListResult:
        """Return what a directory contains, not descending into others.

        Args:
            path: The directory.
        """
        result = await self._call(ListDirectory(path=path))
        if not result.success:
            return DirectoryListResult.failure(
                *_reasons(result, "Failed to list directory"), request_id=result.request_id
            )
        lines = (DirectoryLine.parse(line) for line in result.data.split("\n"))
        entries = [DirectoryEntry(line.name, line.is_directory) for line in lines if line]
        return DirectoryListResult(result.request_id, True, entries)

    async def search_files(
        self,
        path: str,
        pattern: str,
        exclude_patterns: builtins.list[str] | None = None,
    ) -> FileSearchResult:
        """Find files and directories below a directory by their names.

        Args:
            path: The directory.
            pattern: The name, where ``*`` stands for any characters and ``?`` for any one.
            exclude_patterns: Names to leave out, with all that is below them; without commas.

        Returns:
            The absolute paths.
        """
        excluded = ",".join(exclude_patterns) if exclude_patterns else None
        call = SearchFiles(path=path, pattern=pattern, exclude_patterns=excluded)
        result = await self._call(call)
        if not result.success:
            return FileSearchResult.failure(
                *_reasons(result, "Failed to search files"), request_id=result.request_id
            )
        return FileSearchResult(result.request_id, True, SearchFiles.parse(result.data))

    def watch_directory(
        self,
        path: str,
        callback: FileChangeCallback,
        interval: float = 0.5,
        stop_event: threading.Event | None = None,
    ) -> WatchThread:
        """Make a thread that tells *callback* what changes in a directory and below.

        Start the thread, wait for its ``ready_event``, and only then change files. It ends when
        its ``stop_event`` is set, or the session is gone. Errors of *callback* are logged.

        Args:
            path: The directory.
            callback: Called in the thread with a list of events, at least one.
            interval: Seconds between two looks.
            stop_event: Ends the thread; a new one by default.

        Returns:
            The thread, a daemon, not started.
        """
        return DirectoryThread(self._session, path, callback, interval, stop_event)

    def watch(self, path: str, *, interval: float = 0.5) -> AsyncDirectoryWatch:
        """Iterate over what changes in a directory and below, without end.

        Used as a context manager, it sees every change since the block was entered, else since
        the first event was asked for.

        Args:
            path: The directory.
            interval: Seconds between two looks.
        """
        return AsyncDirectoryWatch(self._session, path, interval=interval)

    async def upload_file(
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
        """Send a file of this machine into the session, of any size.

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
        return await self._transfer.upload(
            local_path,
            remote_path,
            content_type=content_type,
            wait=wait,
            wait_timeout=wait_timeout,
            poll_interval=poll_interval,
            progress_cb=progress_cb,
        )

    async def download_file(
        self,
        remote_path: str,
        local_path: str,
        *,
        overwrite: bool = True,
        wait: bool = True,
        wait_timeout: float = 30.0,
        poll_interval: float = 1.5,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> DownloadResult:
        """Fetch a file of the session, of any size; it appears only when it is whole.

        Args:
            remote_path: The file; an absolute path.
            local_path: Where it goes; parent directories are created.
            overwrite: Replace a file that exists there.
            wait: Wait at most *wait_timeout* for the session to hand the file over.
            wait_timeout: Seconds to wait for that.
            poll_interval: Longest time between two looks, in seconds.
            progress_cb: Called with the number of bytes received so far.

        Returns:
            What was received, or why not; failures are never raised.
        """
        return await self._transfer.download(
            remote_path,
            local_path,
            overwrite=overwrite,
            wait=wait,
            wait_timeout=wait_timeout,
            poll_interval=poll_interval,
            progress_cb=progress_cb,
        )

    async def upload_directory(
        self,
        local_path: str,
        remote_path: str,
        *,
        wait_timeout: float = 300.0,
        poll_interval: float = 1.5,
        progress_cb: Callable[[int], Awaitable[None] | None] | None = None,
    ) -> DirectoryTransferResult:
        """Send what a directory of this machine holds into one of the session.

        The same as :meth:`FileTransfer.upload_directory`, which says more.

        Args:
            local_path: The directory.
            remote_path: The directory in the session; created where it is missing.
            wait_timeout: Seconds to wait for the session, for each step of its own.
            poll_interval: Longest time between two looks, in seconds.
            progress_cb: Called with the number of bytes sent so far.
        """
        return await self._transfer.upload_directory(
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
        """Fetch what a directory of the session holds into one of this machine.

        The same as :meth:`FileTransfer.download_directory`, which says more.

        Args:
            remote_path: The directory in the session.
            local_path: Where its content goes; created where it is missing.
            overwrite: Add to a directory that exists there, replacing files of the same name.
            wait_timeout: Seconds to wait for the session, for each step of its own.
            poll_interval: Longest time between two looks, in seconds.
            progress_cb: Called with the number of bytes received so far.
        """
        return await self._transfer.download_directory(
            remote_path,
            local_path,
            overwrite=overwrite,
            wait_timeout=wait_timeout,
            poll_interval=poll_interval,
            progress_cb=progress_cb,
        )

    async def get_file_transfer_context_path(self) -> str | None:
        """Return the directory of the session that is meant for file transfers.

        Returns:
            The directory, or ``None`` when it cannot be had.
        """
        return await self._transfer.get_context_path()

    async def _call(self, tool: Tool) -> McpToolResult:
        return await self._session.call_mcp_tool(tool.tool_name, tool.arguments())

    read = read_text
    write = write_file
    list = list_directory
    ls = list_directory
    delete = delete_file
    remove = delete_file
    rm = delete_file


def _reasons(result: McpToolResult, fallback: str) -> tuple[str, Any]:
    return result.error_message or fallback, result.exception


def _done(result: McpToolResult, fallback: str = "") -> BoolResult:
    if result.success:
        return BoolResult(result.request_id, True, True)
    message, cause = _reasons(result, fallback)
    if cause is None:
        missing = "no such file or directory" in message.lower()
        cause = RemoteFileNotFoundError(message) if missing else FileError(message or None)
    return BoolResult.failure(message, cause, request_id=result.request_id)
