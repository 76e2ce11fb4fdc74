"""The routes behind signed URLs: one object in, or one object out."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
import sqlite3
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError

from agentbay._wire.envelope import Code, service_error
from agentbay.local.contexts.entries import Kind, Object
from agentbay.local.contexts.intake import MAX_OBJECT_BYTES
from agentbay.local.contexts.keys import shown
from agentbay.local.contexts.outlet import content_of
from agentbay.local.contexts.settled import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import StreamReader

    from agentbay.errors import ServiceError
    from agentbay.local.contexts.service import Contexts

__all__ = ("serve_signed",)

_PIECE_BYTES = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


async def serve_signed(contexts: Contexts, request: web.Request) -> web.StreamResponse:
    """Answer a request to a signed URL.

    Raises:
        ServiceError: The URL does not allow it, or it cannot be done.
    """
    context_id, key = contexts.signer.check(
        request.method, request.rel_url.raw_path, request.rel_url.query
    )
    if request.method == "PUT":
        return await _put(contexts, request, context_id, key)
    return await _get(contexts, request, context_id, key)


async def _put(
    contexts: Contexts, request: web.Request, context_id: str, key: bytes
) -> web.StreamResponse:
    if (request.content_length or 0) > MAX_OBJECT_BYTES:
        raise _too_large()
    context = await contexts.get(context_id)
    pack = contexts.packs.new(durable=not context.type)
    try:
        async for piece in _pieces(request.content):
            if pack.size + len(piece) > MAX_OBJECT_BYTES:
                raise _too_large()
            await in_thread(pack.write, piece)
        await in_thread(pack.finish)
        item = Object(
            key=key,
            kind=Kind.FILE,
            mtime_ns=time.time_ns(),
            size=pack.size,
            pack=pack.name if pack.size else "",
        )
        async with contexts.changing(context_id):
            await contexts.replace(context_id, [], [item])
    except BaseException as exc:
        await contexts.abandon(pack)
        if is_full(exc):
            raise service_error(
                Code.STORAGE_FULL, "There is no room left for the file", http_status=507
            ) from exc
        if isinstance(exc, web.RequestPayloadError | PayloadEncodingError):
            raise service_error(
                Code.INVALID_BODY, f"The body cannot be read: {exc}", http_status=400
            ) from exc
        raise
    return web.Response(headers={"ETag": _etag(item)})


async def _pieces(content: StreamReader) -> AsyncIterator[bytearray]:
    """Yield a body in pieces that are worth a change of threads each."""
    held = bytearray()
    async for data in content.iter_any():
        held += data
        if len(held) >= _PIECE_BYTES:
            yield held
            held = bytearray()
    yield held


def is_full(error: BaseException) -> bool:
    """Return whether *error* says that the disk is full."""
    if isinstance(error, sqlite3.OperationalError):
        return "full" in str(error)
    return isinstance(error, OSError) and error.errno in _FULL


def _too_large() -> ServiceError:
    return service_error(
        Code.FILE_TOO_LARGE,
        f"The file has more than {MAX_OBJECT_BYTES} bytes, which is the limit",
        http_status=413,
    )


async def _get(
    contexts: Contexts, request: web.Request, context_id: str, key: bytes
) -> web.StreamResponse:
    with contextlib.ExitStack() as reading:
        async with contexts.changing(context_id):
            found = await contexts.store.objects(context_id, key)
            item = next((item for item in found if item.key == key), None)
            if item is None or item.kind not in (Kind.FILE, Kind.ARCHIVE):
                raise service_error(
                    Code.CONTEXT_FILE_NOT_FOUND,
                    f"There is no file {shown(key)[:200]!r} in the context",
                    http_status=404,
                )
            reading.enter_context(contexts.packs.reading([item.pack] if item.pack else []))
        return await _send(contexts, request, item)


async def _send(contexts: Contexts, request: web.Request, item: Object) -> web.StreamResponse:
    etag = _etag(item)
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Last-Modified": formatdate(item.stored_at, usegmt=True),
        # A browser must not take a file of a session for a page of the runtime's own.
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    part = _part(request, item.size, etag)
    if part is None:
        response = web.StreamResponse(headers=headers)
        part = range(item.size)
    else:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{item.size}"
        response = web.StreamResponse(status=206, headers=headers)
    response.content_length = len(part)
    await response.prepare(request)
    if request.method != "HEAD":
        pieces = content_of(item, contexts.packs, part)
        with contextlib.closing(pieces):
            while piece := await in_thread(next, pieces, b""):
                await response.write(piece)
    await response.write_eof()
    return response


def _part(request: web.Request, size: int, etag: str) -> range | None:
    """Return the bytes that are asked for; ``None`` for all of them.

    Raises:
        ServiceError: There are none at that place.
    """
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    # What is no single range, or about another version, is answered with everything.
    if found is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = found["first"], found["last"]
    if first:
        part = range(int(first), min(int(last) + 1, size) if last else size)
    elif last:
        part = range(max(size - int(last), 0), size)
    else:
        return None
    if not part:
        raise service_error(
            Code.INVALID_RANGE,
            f"The file has {size} bytes, and none in that range",
            http_status=416,
        )
    return part


def _etag(item: Object) -> str:
    """Return a name of this version of the object: content is never changed in place."""
    facts = f"{item.pack} {item.start} {item.size} {item.mtime_ns}"
    return f'"{hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()}"'
