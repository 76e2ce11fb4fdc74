"""Real servers for tests: a relay that hides direct routes, and one that answers by script."""

from __future__ import annotations

import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from enum import Enum, auto

import aiohttp
import anyio
import anyio.abc
from aiohttp import web
from attrs import frozen

from agentbay import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
"""For tests of what becomes of an answer: the first one counts."""


@contextlib.asynccontextmanager
async def relay_without_links(
    endpoint: str, hidden: Sequence[str] = ("LinkUrl",)
) -> AsyncIterator[str]:
    """Relay to *endpoint*, removing direct routes from every reply; yield the relay's URL."""

    async def relay(request: web.Request) -> web.Response:
        async with upstream.post(
            f"{endpoint}/", params=request.query, data=await request.post()
        ) as answer:
            body = await answer.json()
            if isinstance(body.get("Data"), dict):
                for name in hidden:
                    body["Data"].pop(name, None)
            return web.json_response(body, status=answer.status)

    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/", relay)
    runner = web.AppRunner(application)
    async with aiohttp.ClientSession() as upstream:
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class Then(Enum):
    """What a scripted server does after it has sent its bytes."""

    CLOSE = auto()
    RESET = auto()
    HANG = auto()
    KEEP = auto()


@frozen
class Answer:
    """The bytes sent in answer to one request, and what follows."""

    data: bytes = b""
    then: Then = Then.KEEP


def http(
    body: str | bytes, status: int = 200, *, length: int | None = None, **headers: str
) -> bytes:
    """Return an HTTP answer with *body*; *length* overrides the announced length."""
    data = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": "application/json", **headers}
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {length or len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class ScriptedServer:
    """Answers the n-th request with the n-th answer; the last one is repeated."""

    def __init__(self, answers: Sequence[Answer], tls: ssl.SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._tls = tls
        self.requests: list[bytes] = []
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def _serve(self, stream: anyio.abc.SocketStream) -> None:
        connection: anyio.abc.ByteStream = stream
        with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream, ssl.SSLError):
            async with stream:
                if self._tls is not None:
                    from anyio.streams.tls import TLSStream

                    connection = await TLSStream.wrap(stream, ssl_context=self._tls)
                while await self._answer(connection, stream):
                    pass

    async def _answer(self, connection: anyio.abc.ByteStream, raw: anyio.abc.SocketStream) -> bool:
        self.requests.append(await read_request(connection))
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        if answer.data:
            await connection.send(answer.data)
        if answer.then is Then.HANG:
            await anyio.sleep_forever()
        if answer.then is Then.RESET:
            sock = raw.extra(anyio.abc.SocketAttribute.raw_socket)
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close with RST
        return answer.then is Then.KEEP

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedServer]:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        self.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, self._serve)
            yield self
            group.cancel_scope.cancel()


async def read_request(stream: anyio.abc.ByteStream) -> bytes:
    """Read one HTTP request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += await stream.receive()
    return head + b"\r\n\r\n" + body


_BROKEN = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)


class CuttingRelay:
    """Relays TCP connections, each until so many bytes have passed to the client.

    Attributes:
        cut_after: Where the connections are cut; ``None`` for nowhere.
        passed: How many bytes the latest connection has passed to its client.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.cut_after: int | None = None
        self.passed = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[CuttingRelay]:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        self.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, self._serve)
            yield self
            group.cancel_scope.cancel()

    async def _serve(self, client: anyio.abc.SocketStream) -> None:
        self.passed = 0
        async with (
            client,
            await anyio.connect_tcp(*self._target) as server,
            anyio.create_task_group() as group,
        ):
            group.start_soon(self._pass_up, client, server, group.cancel_scope)
            await self._pass_down(server, client, self.cut_after)
            group.cancel_scope.cancel()

    async def _pass_up(
        self,
        client: anyio.abc.SocketStream,
        server: anyio.abc.SocketStream,
        scope: anyio.CancelScope,
    ) -> None:
        with contextlib.suppress(*_BROKEN):
            while True:
                await server.send(await client.receive())
        scope.cancel()

    async def _pass_down(
        self,
        server: anyio.abc.SocketStream,
        client: anyio.abc.SocketStream,
        limit: int | None,
    ) -> None:
        with contextlib.suppress(*_BROKEN):
            while limit is None or self.passed < limit:
                data = await server.receive()
                data = data if limit is None else data[: limit - self.passed]
                await client.send(data)
                self.passed += len(data)
