"""Files that go to and come from signed URLs, in pieces."""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin, urlsplit

import anyio
from attrs import frozen

from agentbay._transport.deadline import Deadline
from agentbay._transport.finishing import finish, finish_or_undo
from agentbay._transport.retry import repeated
from agentbay._wire.envelope import service_error
from agentbay.errors import ProtocolError, RequestTimeoutError

if TYPE_CHECKING:
    import aiohttp

    from agentbay._transport.http import HttpPool

__all__ = ("Progress", "Transfer", "get_object", "put_bytes", "put_object")

Progress = Callable[[int], Awaitable[None] | None]
"""Called with the number of bytes transferred so far."""

PIECE_BYTES = 512 * 1024
MAX_REDIRECTS = 10
FILE_GRACE_SECONDS = 30.0
"""How long a cancelled transfer waits for the thread that opens or closes its file."""
FOUND = 200
REDIRECTS = frozenset({301, 302, 307, 308})


@frozen
class Transfer:
    """A transfer that has ended with an answer.

    Attributes:
        status: HTTP status.
        size: Bytes of the file; 0 when nothing was stored.
        etag: What the storage says of the content, if anything.
    """

    status: int
    size: int = 0
    etag: str | None = None


class _Watch:
    """Watches over one transfer: that it goes on, and which errors are not the connection's."""

    def __init__(self, scope: anyio.CancelScope, seconds: float, progress: Progress | None) -> None:
        self._scope = scope
        self._seconds = seconds
        self._progress = progress
        self.own_error: Exception | None = None

    @contextlib.contextmanager
    def own_work(self) -> Iterator[None]:
        """Stop the clock; remember an error, which aiohttp would take for one of the network."""
        self._scope.deadline = math.inf
        try:
            yield
        except Exception as exc:
            self.own_error = exc
            raise
        self.alive()

    def alive(self) -> None:
        """Start the clock anew."""
        self._scope.deadline = anyio.current_time() + self._seconds

    async def report(self, size: int) -> None:
        if self._progress is None:
            return
        with self.own_work():
            pending = self._progress(size)
            if inspect.isawaitable(pending):
                await pending


@contextlib.contextmanager
def _watched(url: str, seconds: float, progress: Progress | None) -> Iterator[_Watch]:
    """End the block when nothing was transferred for *seconds*."""
    scope = anyio.CancelScope(deadline=anyio.current_time() + seconds)
    watch = _Watch(scope, seconds, progress)
    try:
        with scope:
            yield watch
    except Exception:
        if watch.own_error is not None:
            raise watch.own_error from None
        raise
    if scope.cancelled_caught:
        host = urlsplit(url).hostname
        raise RequestTimeoutError(f"Nothing moved between here and {host} for {seconds:g} s")


async def _open(path: str | anyio.Path, mode: Literal["rb", "xb"]) -> anyio.AsyncFile[bytes]:
    """Open a file; a thread does it, so it may be open although the caller was cancelled."""
    return await finish_or_undo(
        lambda: anyio.open_file(path, mode),
        lambda late: late.aclose(),
        grace=FILE_GRACE_SECONDS,
    )


@contextlib.asynccontextmanager
async def _opened(file: anyio.AsyncFile[bytes]) -> AsyncIterator[anyio.AsyncFile[bytes]]:
    """Close *file* at the end of the block, also when that was cancelled."""
    try:
        yield file
    finally:
        await finish(file.aclose, grace=FILE_GRACE_SECONDS)


async def put_object(
    http: HttpPool,
    url: str,
    path: str,
    *,
    content_type: str | None = None,
    idle: float,
    follow_redirects: bool = True,
    progress: Progress | None = None,
) -> Transfer:
    """Send the file at *path* to a signed URL; it is read in pieces.

    What fails within the first *idle* seconds is begun again, as the client's policy says.

    Raises:
        AgentBayError: the transfer broke off, or stood still for *idle* seconds.
        OSError: the file cannot be read, or changed meanwhile.
    """

    async def attempt(_number: int, _deadline: Deadline) -> Transfer:
        return await _put_file(http, url, path, content_type, idle, follow_redirects, progress)

    return await _repeated(http, attempt, idle, "An upload")


async def _repeated(
    http: HttpPool, attempt: Callable[[int, Deadline], Awaitable[Transfer]], idle: float, what: str
) -> Transfer:
    return await repeated(
        attempt,
        http.retry,
        Deadline.after(idle),
        what=what,
        idempotent=True,
        problem_of=lambda ended: service_error("", "", http_status=ended.status),
    )


async def _put_file(
    http: HttpPool,
    url: str,
    path: str,
    content_type: str | None,
    idle: float,
    follow_redirects: bool,
    progress: Progress | None,
) -> Transfer:
    headers = {"Content-Type": content_type} if content_type else {}
    for _ in range(MAX_REDIRECTS):
        async with _opened(await _open(path, "rb")) as file:
            with _watched(url, idle, progress) as watch:
                answer, target = await _put_once(http, url, file, watch, idle, headers)
        if not follow_redirects or answer.status not in REDIRECTS or not target:
            return answer
        url = urljoin(url, target)
    raise ProtocolError(f"More than {MAX_REDIRECTS} redirects")


async def put_bytes(http: HttpPool, url: str, data: bytes, *, seconds: float) -> Transfer:
    """Send *data* to a signed URL.

    Raises:
        AgentBayError: the transfer broke off, or took longer than *seconds*.
    """

    async def body() -> AsyncIterator[bytes]:
        yield data

    headers = {"Content-Length": str(len(data))}
    with _watched(url, seconds, None):
        async with http.exchange(
            "PUT", url, idle=seconds, headers=headers, body=body()
        ) as response:
            return Transfer(response.status, len(data), response.headers.get("ETag"))


async def _put_once(
    http: HttpPool,
    url: str,
    file: anyio.AsyncFile[bytes],
    watch: _Watch,
    idle: float,
    headers: dict[str, str],
) -> tuple[Transfer, str]:
    size = os.fstat(file.wrapped.fileno()).st_size
    fields = {"Content-Length": str(size), **headers}
    body = _pieces(file, size, watch)
    async with http.exchange("PUT", url, idle=idle, headers=fields, body=body) as response:
        answer = Transfer(response.status, size, response.headers.get("ETag"))
        target = response.headers.get("Location", "")
        if response.ok and size:
            await watch.report(size)
    return answer, target


async def _pieces(file: anyio.AsyncFile[bytes], size: int, watch: _Watch) -> AsyncIterator[bytes]:
    sent = 0
    while sent < size:
        with watch.own_work():
            piece = await file.read(min(PIECE_BYTES, size - sent))
            if not piece:
                raise OSError(f"{file.wrapped.name} became shorter while it was being read")
        yield piece
        sent += len(piece)
        if sent < size:  # what follows the last piece is cut short by the answer
            await watch.report(sent)


async def get_object(
    http: HttpPool,
    url: str,
    path: str,
    *,
    overwrite: bool = True,
    idle: float,
    follow_redirects: bool = True,
    progress: Progress | None = None,
) -> Transfer:
    """Fetch a file from a signed URL; it appears at *path* only when it is whole.

    What fails within the first *idle* seconds is begun again, as the client's policy says.

    Raises:
        AgentBayError: the transfer broke off, or stood still for *idle* seconds.
        OSError: the file cannot be written.
    """

    async def attempt(_number: int, _deadline: Deadline) -> Transfer:
        return await _get_file(http, url, path, overwrite, idle, follow_redirects, progress)

    return await _repeated(http, attempt, idle, "A download")


async def _get_file(
    http: HttpPool,
    url: str,
    path: str,
    overwrite: bool,
    idle: float,
    follow_redirects: bool,
    progress: Progress | None,
) -> Transfer:
    # A link stays what it is; what it leads to is replaced.
    target = await anyio.Path(path).resolve()
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with _watched(url, idle, progress) as watch:
            async with http.exchange(
                "GET", url, idle=idle, follow_redirects=follow_redirects
            ) as response:
                if response.status != FOUND:
                    return Transfer(response.status)
                _check_framing(response)
                with watch.own_work():
                    file = await _open(part, "xb")
                async with _opened(file):
                    size = await _receive(response, file, watch)
        if not overwrite and await target.exists():
            raise FileExistsError(f"{path} has appeared meanwhile")
        await part.replace(target)
    finally:
        await finish(lambda: part.unlink(missing_ok=True), grace=FILE_GRACE_SECONDS)
    return Transfer(response.status, size, response.headers.get("ETag"))


def _check_framing(response: aiohttp.ClientResponse) -> None:
    is_chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    if response.content_length is None and not is_chunked:
        raise ProtocolError("The answer does not say where the file ends, so it may be cut off")


async def _receive(
    response: aiohttp.ClientResponse, file: anyio.AsyncFile[bytes], watch: _Watch
) -> int:
    size = 0
    held = bytearray()
    async for piece in response.content.iter_any():
        watch.alive()
        held += piece
        if len(held) >= PIECE_BYTES:
            size += await _write(file, held, watch)
            held = bytearray()
            await watch.report(size)
    if held:
        size += await _write(file, held, watch)
        await watch.report(size)
    return size


async def _write(file: anyio.AsyncFile[bytes], data: bytearray, watch: _Watch) -> int:
    with watch.own_work():
        return await file.write(data)
