"""The file tools."""

from __future__ import annotations

import base64
import stat
from datetime import datetime, timezone
from typing import Any

from agentbay._wire.tools.files import (
    CreateDirectory,
    DeleteFile,
    DirectoryLine,
    EditFile,
    GetFileInfo,
    ListDirectory,
    MoveFile,
    ReadFile,
    ReadMultipleFiles,
    SearchFiles,
    WriteFile,
)
from agentbay.local.tools.registry import ToolFailedError, Workplace, runs
from agentbay.local.tools.worker import BAD_ARGUMENT, call_worker

_MAX_TOGETHER = 64 * 1024 * 1024
"""Bytes of all files of one call of ``read_multiple_files``."""
_MAX_SEQUENCE = 4
"""Bytes of the longest UTF-8 sequence."""


@runs(ReadFile)
async def read_file(tool: ReadFile, place: Workplace) -> str:
    """Return a slice of a file as text or base64.

    A text slice is moved to the next boundary of a character at both ends, so the slices of a
    file always join to its text. Bytes that are not UTF-8 become U+FFFD.
    """
    for name in ("offset", "length"):
        if getattr(tool, name) < 0:
            raise ToolFailedError.of_code(BAD_ARGUMENT, f"{name} must not be negative")
    if tool.format == "binary":
        content = await _read(place, tool.path, tool.offset, tool.length)
        return base64.b64encode(content).decode("ascii")
    before = min(tool.offset, _MAX_SEQUENCE - 1)
    around = tool.length + before + _MAX_SEQUENCE - 1 if tool.length else 0
    content = await _read(place, tool.path, tool.offset - before, around)
    start = character_boundary(content, before)
    end = character_boundary(content, before + tool.length) if tool.length else len(content)
    return content[start:end].decode(errors="replace")


async def _read(place: Workplace, path: str, offset: int, length: int) -> bytes:
    params = {"path": path, "offset": offset, "length": length}
    reply = await call_worker(place, "read_file", params)
    return reply.blobs.get("content", b"")


def character_boundary(data: bytes, position: int) -> int:
    """Return *position*, or the end of the UTF-8 sequence that it would cut."""
    for start in range(max(position - _MAX_SEQUENCE + 1, 0), min(position, len(data))):
        end = start + _sequence_length(data[start])
        if end > position and _is_character(data[start:end]):
            return end
    return min(position, len(data))


def _sequence_length(lead: int) -> int:
    return 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1


def _is_character(data: bytes) -> bool:
    try:
        return len(data.decode()) == 1
    except UnicodeDecodeError:
        return False


@runs(WriteFile)
async def write_file(tool: WriteFile, place: Workplace) -> str:
    """Write text in UTF-8."""
    try:
        payload = tool.content.encode()
    except UnicodeEncodeError as exc:
        raise ToolFailedError.of_code(
            BAD_ARGUMENT, f"content is not valid Unicode at character {exc.start}"
        ) from exc
    params = {"path": tool.path, "mode": tool.mode}
    await call_worker(place, "write_file", params, payload=payload)
    return f"Successfully wrote to {tool.path}"


@runs(ReadMultipleFiles)
async def read_multiple_files(tool: ReadMultipleFiles, place: Workplace) -> str:
    """Return the texts of files; one that cannot be read is told in its place."""
    blocks = []
    left = _MAX_TOGETHER
    for path in tool.paths:
        try:
            content = await _read(place, path, 0, left + 1)
        except ToolFailedError as exc:
            reason = _one_line(exc.text.partition("Error message: ")[2] or exc.text)
            blocks.append(ReadMultipleFiles.failed_block(path, reason))
            continue
        if len(content) > left:
            reason = f"the files have more than {_MAX_TOGETHER} bytes together"
            blocks.append(ReadMultipleFiles.failed_block(path, reason))
            continue
        left -= len(content)
        blocks.append(ReadMultipleFiles.block(path, content.decode(errors="replace")))
    return ReadMultipleFiles.format(blocks)


@runs(EditFile)
async def edit_file(tool: EditFile, place: Workplace) -> str:
    """Replace text in a file and return the lines taken away and put in."""
    edits = [{"old_text": edit.old_text, "new_text": edit.new_text} for edit in tool.edits]
    params = {"path": tool.path, "edits": edits, "dry_run": tool.dry_run}
    reply = await call_worker(place, "edit_file", params)
    return reply.blobs.get("diff", b"").decode(errors="replace")


@runs(CreateDirectory)
async def create_directory(tool: CreateDirectory, place: Workplace) -> str:
    """Create a directory and its parents."""
    await call_worker(place, "create_directory", {"path": tool.path})
    return f"Successfully created directory {tool.path}"


@runs(DeleteFile)
async def delete_file(tool: DeleteFile, place: Workplace) -> str:
    """Delete a file, a link or an empty directory."""
    await call_worker(place, "delete_file", {"path": tool.path})
    return f"Successfully deleted {tool.path}"


@runs(MoveFile)
async def move_file(tool: MoveFile, place: Workplace) -> str:
    """Rename a file or directory."""
    params = {"source": tool.source, "destination": tool.destination}
    await call_worker(place, "move_file", params)
    return f"Successfully moved {tool.source} to {tool.destination}"


@runs(SearchFiles)
async def search_files(tool: SearchFiles, place: Workplace) -> str:
    """Return the paths below a directory whose names match."""
    excluded = [part.strip() for part in (tool.exclude_patterns or "").split(",")]
    params = {
        "path": tool.path,
        "pattern": tool.pattern,
        "excluded": [pattern for pattern in excluded if pattern],
    }
    reply = await call_worker(place, "search_files", params)
    return SearchFiles.format(map(_one_line, reply.result["matches"]))


@runs(ListDirectory)
async def list_directory(tool: ListDirectory, place: Workplace) -> str:
    """Return a line for each entry; links to directories count as directories."""
    reply = await call_worker(place, "list_directory", {"path": tool.path})
    return "\n".join(
        str(DirectoryLine(_one_line(entry["name"]), entry["is_directory"]))
        for entry in reply.result["entries"]
    )


@runs(GetFileInfo)
async def get_file_info(tool: GetFileInfo, place: Workplace) -> str:
    """Return the facts about a file under every name that some client reads."""
    reply = await call_worker(place, "get_file_info", {"path": tool.path})
    return GetFileInfo.format(_facts(reply.result))


def _facts(found: dict[str, Any]) -> dict[str, Any]:
    mode = int(found["mode"])
    kind = stat.S_IFDIR if found["is_directory"] else stat.S_IFREG if found["is_file"] else 0
    modified = _timestamp(found["modified"])
    return {
        "name": _one_line(found["name"]),
        "path": _one_line(found["path"]),
        "size": found["size"],
        "isDirectory": found["is_directory"],
        "isFile": found["is_file"],
        "permissions": f"{mode:o}",
        "modified": modified,
        "created": _timestamp(found["created"]),
        "accessed": _timestamp(found["accessed"]),
        "modTime": modified,
        "mode": stat.filemode(kind | mode),
        "owner": found["owner"],
        "group": found["group"],
    }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _one_line(name: str) -> str:
    """Keep a name with line breaks from looking like further lines of the answer."""
    return name.replace("\n", "\\n").replace("\r", "\\r")
