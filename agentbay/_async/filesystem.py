"""Files in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentbay._wire.tools import (
    DirectoryLine,
    GetFileInfo,
    ListDirectory,
    ReadFile,
    Tool,
    WriteFile,
)
from agentbay.models.filesystem import DirectoryEntry, DirectoryListResult, FileContentResult
from agentbay.models.results import BoolResult
from agentbay.models.session import McpToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentbay._async.session import AsyncSession

__all__ = ("AsyncFileSystem",)

# One message through the API holds less than 64512 bytes, envelope included. A session with a
# direct route has no such limit.
READ_CHUNK_BYTES = 51200
WRITE_CHUNK_BYTES = 52224

MODES = ("overwrite", "append")


class AsyncFileSystem:
    """Reads and writes the files of one session. Relative paths start at its home directory.

    Args:
        session: The session.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        """The session whose files these are."""
        return self._session

    async def read_file(self, path: str) -> FileContentResult:
        """Return the text of a file. Bytes that are not UTF-8 appear as U+FFFD.

        Args:
            path: The file; a symbolic link is followed.

        Returns:
            The whole text, or why it cannot be read.
        """
        if self._has_direct_route:
            return _content(await self._call(ReadFile(path=path)))
        info = await self._call(GetFileInfo(path=path))
        if not info.success:
            return _content(info)
        facts = GetFileInfo.parse(info.data)
        if not facts or facts.get("isDirectory"):
            return FileContentResult.failure(
                f"Path does not exist or is a directory: {path}", request_id=info.request_id
            )
        return await self._read_chunks(path, int(facts.get("size") or 0), info.request_id)

    async def _read_chunks(self, path: str, size: int, request_id: str) -> FileContentResult:
        parts = []
        for offset in range(0, size, READ_CHUNK_BYTES):
            length = min(READ_CHUNK_BYTES, size - offset)
            chunk = await self._call(ReadFile(path=path, offset=offset, length=length))
            if not chunk.success:
                return _content(chunk)
            parts.append(chunk.data)
        return FileContentResult(request_id, True, "".join(parts))

    async def write_file(self, path: str, content: str, mode: str = "overwrite") -> BoolResult:
        """Write text to a file, creating it and its parent directories.

        Args:
            path: The file; a symbolic link is followed.
            content: The text; stored as UTF-8.
            mode: ``overwrite`` replaces the content, ``append`` adds to it.

        Returns:
            Whether it was written, or why not.
        """
        if mode not in MODES:
            return BoolResult.failure(
                f"Invalid write mode: {mode}. Must be 'overwrite' or 'append'."
            )
        try:
            parts = [content] if self._has_direct_route else list(_parts(content))
        except (AttributeError, UnicodeEncodeError) as exc:
            return BoolResult.failure(f"Failed to write file: content must be text: {exc}")
        result = McpToolResult()
        for part in parts:
            call: dict[str, Any] = {"path": path, "content": part, "mode": mode}
            result = await self._session.call_mcp_tool(WriteFile.tool_name, call)
            if not result.success:
                message = result.error_message or "Failed to write file"
                return BoolResult.failure(message, result.exception, request_id=result.request_id)
            mode = "append"
        return BoolResult(result.request_id, True, True)

    async def list_directory(self, path: str) -> DirectoryListResult:
        """Return what a directory contains, not descending into others.

        Args:
            path: The directory.

        Returns:
            Its entries, or why it cannot be listed.
        """
        result = await self._call(ListDirectory(path=path))
        if not result.success:
            message = result.error_message or "Failed to list directory"
            return DirectoryListResult.failure(
                message, result.exception, request_id=result.request_id
            )
        lines = (DirectoryLine.parse(line) for line in result.data.split("\n"))
        entries = [DirectoryEntry(line.name, line.is_directory) for line in lines if line]
        return DirectoryListResult(result.request_id, True, entries)

    @property
    def _has_direct_route(self) -> bool:
        return bool(self._session.link_url and self._session.token)

    async def _call(self, tool: Tool) -> McpToolResult:
        return await self._session.call_mcp_tool(tool.tool_name, tool.arguments())

    read = read_file
    write = write_file
    list = list_directory
    ls = list_directory


def _content(result: McpToolResult) -> FileContentResult:
    if result.success:
        return FileContentResult(result.request_id, True, result.data)
    message = result.error_message or "Failed to read file"
    return FileContentResult.failure(message, result.exception, request_id=result.request_id)


def _parts(text: str) -> Iterator[str]:
    """Cut *text* at character boundaries into parts of at most WRITE_CHUNK_BYTES of UTF-8."""
    encoded = text.encode()
    start = 0
    while start == 0 or start < len(encoded):
        end = min(start + WRITE_CHUNK_BYTES, len(encoded))
        # A byte of the form 10xxxxxx continues a character.
        while end < len(encoded) and encoded[end] & 0xC0 == 0x80:
            end -= 1
        yield encoded[start:end].decode()
        start = end or 1
