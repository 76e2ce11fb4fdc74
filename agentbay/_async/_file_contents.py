"""Reading and writing whole files, in as many messages as their size needs."""

from __future__ import annotations

import base64
import io
import posixpath
import secrets
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from agentbay._transport.finishing import finish
from agentbay._wire.tools.files import GetFileInfo, ReadFile, WriteFile
from agentbay.errors import FileError
from agentbay.models.filesystem import BinaryFileContentResult, FileContentResult
from agentbay.models.results import BoolResult
from agentbay.models.session import McpToolResult

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from agentbay._async.session import AsyncSession

__all__ = ("read_bytes", "read_text", "write_bytes", "write_text")

T = TypeVar("T")

# One message through the API holds less than 64512 bytes, envelope included.
READ_CHUNK_BYTES = 51200
WRITE_CHUNK_BYTES = 52224
# As base64 is four characters for three bytes.
ENCODED_CHUNK_BYTES = READ_CHUNK_BYTES // 4 * 3
# A session with a direct route has no such limit. This one bounds what one message takes of memory
# on both sides, and with every byte escaped it still fits into what the local runtime accepts.
DIRECT_BYTES = 8 * 1024 * 1024
# A service may leave a character that a piece of text cuts to the next one.
_CUT_BYTES = 3

MODES = ("overwrite", "append")
_INSTALL_MS = 600_000
_GRACE_SECONDS = 10.0

# Decodes "$staged" next to the file it is to become, where a rename can put it into place.
_INSTALL = r"""
fail() { printf %s "$1" >&2; exit 1; }
if [ -L "$path" ]; then
  path=$(readlink -f -- "$path" && echo x) || fail 'Too many levels of symbolic links'
  path=${path%?x}
fi
if [ -d "$path" ]; then fail 'Is a directory'; fi
if [ -e "$path" ]; then
  [ -f "$path" ] || fail 'Not a regular file'
  [ -w "$path" ] || fail 'Permission denied'
fi
if [ "$mode" = append ]; then exec base64 -d <"$staged" >>"$path"; fi
case $path in */*) decoded=${path%/*}/$name;; *) decoded=$name;; esac
trap 'rm -f -- "$decoded"' EXIT
base64 -d <"$staged" >"$decoded" || exit
if [ -e "$path" ]; then chmod --reference="$path" -- "$decoded" || exit; fi
mv -fT -- "$decoded" "$path"
"""


def is_direct(session: AsyncSession) -> bool:
    """Return whether messages to *session* may be large."""
    return bool(session.link_url and session.token)


async def read_text(session: AsyncSession, path: str) -> FileContentResult:
    """Return the text of a file; bytes that are not UTF-8 appear as U+FFFD."""
    result, content = await _read(session, path, None)
    if not result.success:
        message = result.error_message or "Failed to read file"
        return FileContentResult.failure(message, result.exception, request_id=result.request_id)
    text = str(content.getbuffer(), "utf-8", "surrogatepass")
    return FileContentResult(result.request_id, True, text)


async def read_bytes(session: AsyncSession, path: str) -> BinaryFileContentResult:
    """Return the bytes of a file."""
    try:
        result, content = await _read(session, path, "binary")
    except ValueError as exc:
        return BinaryFileContentResult.failure(f"Failed to decode base64: {exc}")
    if not result.success:
        message = result.error_message or "Failed to read file"
        return BinaryFileContentResult.failure(
            message, result.exception, request_id=result.request_id
        )
    data = content.getvalue()
    return BinaryFileContentResult(result.request_id, True, data, size=len(data))


async def _read(
    session: AsyncSession, path: str, form: Literal["binary"] | None
) -> tuple[McpToolResult, io.BytesIO]:
    """Return the result that speaks for the whole, and the content, text as UTF-8.

    Raises:
        ValueError: what should be base64 is not.
    """
    content = io.BytesIO()  # gives its bytes away without another copy
    piece = ENCODED_CHUNK_BYTES if form else READ_CHUNK_BYTES
    first = None
    if is_direct(session):
        piece = DIRECT_BYTES
        first = await _call(session, ReadFile(path=path, length=piece, format=form))
        if not first.success:
            return first, content
        if content.write(_decoded(first.data, form)) < piece - _CUT_BYTES:
            return first, content
    info = await _call(session, GetFileInfo(path=path))
    size = _size(path, info)
    if isinstance(size, McpToolResult):
        return size, content
    for offset in range(piece if first else 0, size, piece):
        request = ReadFile(path=path, offset=offset, length=min(piece, size - offset), format=form)
        part = await _call(session, request)
        if not part.success:
            return part, content
        if not part.data:
            break  # it has become shorter meanwhile
        content.write(_decoded(part.data, form))
    return first or info, content


def _size(path: str, info: McpToolResult) -> int | McpToolResult:
    """Return the size that *info* tells, or the failure that it stands for."""
    if not info.success:
        return info
    facts = GetFileInfo.parse(info.data)
    if not facts or facts.get("isDirectory"):
        return McpToolResult.failure(
            f"Path does not exist or is a directory: {path}",
            FileError(f"Path does not exist or is a directory: {path}"),
            request_id=info.request_id,
        )
    size = facts.get("size", 0)
    if not isinstance(size, int):
        message = f"Failed to read file: the size of {path} is told as {size!r}"
        return McpToolResult.failure(message, FileError(message), request_id=info.request_id)
    return size


def _decoded(data: str, form: str | None) -> bytes:
    return base64.b64decode(data) if form else data.encode("utf-8", "surrogatepass")


async def write_text(session: AsyncSession, path: str, content: str, mode: str) -> BoolResult:
    """Write text to a file."""
    refusal = _refusal(content, str, mode)
    if refusal is not None:
        return refusal
    limit = DIRECT_BYTES if is_direct(session) else WRITE_CHUNK_BYTES
    try:
        parts = _parts(content.encode(), limit)
    except UnicodeEncodeError as exc:
        return BoolResult.failure(
            f"Failed to write file: character {exc.start} of the content cannot be UTF-8 "
            f"({exc.reason})",
            FileError(f"Failed to write file: {path}, error: {exc}"),
        )
    return await _write_parts(session, path, parts, mode)


def _refusal(content: object, kinds: Any, mode: str) -> BoolResult | None:
    if mode not in MODES:
        return BoolResult.failure(f"Invalid write mode: {mode}. Must be 'overwrite' or 'append'.")
    if not isinstance(content, kinds):
        wanted, other = ("text", "write_bytes") if kinds is str else ("bytes", "write_file")
        return BoolResult.failure(
            f"Failed to write file: content must be {wanted}, not {type(content).__name__}; "
            f"{other} takes the other kind"
        )
    return None


def _parts(encoded: bytes, limit: int) -> Iterator[str]:
    """Cut text at character boundaries into parts of at most *limit* bytes; at least one."""
    start = 0
    while start == 0 or start < len(encoded):
        end = min(start + limit, len(encoded))
        # A byte of the form 10xxxxxx continues a character.
        while end < len(encoded) and encoded[end] & 0xC0 == 0x80:
            end -= 1
        yield encoded[start:end].decode()
        start = end or 1


async def _write_parts(
    session: AsyncSession, path: str, parts: Iterator[str], mode: str
) -> BoolResult:
    result = McpToolResult()
    for part in parts:
        # No WriteFile here: it would refuse modes that only other services know.
        call: dict[str, Any] = {"path": path, "content": part, "mode": mode}
        result = await _finished(partial(session.call_mcp_tool, WriteFile.tool_name, call))
        if not result.success:
            message = result.error_message or "Failed to write file"
            cause = result.exception or FileError(message)
            return BoolResult.failure(message, cause, request_id=result.request_id)
        mode = "append"
    return BoolResult(result.request_id, True, True)


async def write_bytes(
    session: AsyncSession, path: str, content: bytes | bytearray | memoryview, mode: str
) -> BoolResult:
    """Write bytes to a file.

    No tool takes bytes. So they travel as text, in base64, and a command in the session decodes
    them: into a file beside the one they are for, which then takes its place.
    """
    refusal = _refusal(content, (bytes, bytearray, memoryview), mode)
    if refusal is not None:
        return refusal
    name = f".agentbay-{secrets.token_hex(8)}"
    staged = posixpath.join(posixpath.dirname(path), f"{name}.b64")
    limit = DIRECT_BYTES if is_direct(session) else WRITE_CHUNK_BYTES
    installed = False
    try:
        sent = await _write_parts(session, staged, _encoded(content, limit // 4 * 3), "overwrite")
        if not sent.success:
            return sent
        variables = {"path": path, "staged": staged, "name": name, "mode": mode}
        assignments = "; ".join(f"{key}={shlex.quote(text)}" for key, text in variables.items())
        cleanup = f"rm -f -- {shlex.quote(staged)}"
        command = f"{assignments}; ({_INSTALL}); status=$?; {cleanup}; exit $status"
        install = partial(session.command.execute_command, command, timeout_ms=_INSTALL_MS)
        result = await _finished(install)
        installed = result.success
    finally:
        if not installed:
            await _finished(partial(session.call_mcp_tool, "delete_file", {"path": staged}))
    if not installed:
        reason = result.stderr.strip() or result.error_message
        message = f"Failed to write file: {path}, error: {reason}"
        cause = result.exception or FileError(message)
        return BoolResult.failure(message, cause, request_id=result.request_id)
    return BoolResult(result.request_id, True, True)


async def _finished(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Wait for the end of a call although cancelled: it may write after what is done next."""
    return await finish(call, grace=_GRACE_SECONDS)


def _encoded(content: bytes | bytearray | memoryview, piece: int) -> Iterator[str]:
    """Return *content* in base64; at least one part, so that there is a file."""
    view = memoryview(content).cast("B")
    for start in range(0, max(len(view), 1), piece):
        yield base64.b64encode(view[start : start + piece]).decode("ascii")


async def _call(session: AsyncSession, tool: GetFileInfo | ReadFile) -> McpToolResult:
    return await session.call_mcp_tool(tool.tool_name, tool.arguments())
