"""What other clients put on the wire, without any client of ours."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import anyio
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agentbay.local import LocalRuntime

DEADLINE = 20.0


@frozen
class Answer:
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(factory=dict)

    @property
    def retry_after(self) -> int:
        return int(self.headers["Retry-After"])

    @property
    def data(self) -> Any:
        assert self.status == 200, self.body
        assert self.body["Success"] is True
        return self.body["Data"]

    @property
    def code(self) -> str:
        return str(self.body["Code"])

    @property
    def message(self) -> str:
        return str(self.body["Message"])

    @property
    def error(self) -> tuple[int, str]:
        assert self.body["Success"] is False
        return self.status, self.code


@frozen
class Started:
    """A session as `CreateMcpSession` described it."""

    id: str
    token: str
    link_url: str
    data: dict[str, Any]


@frozen
class Wire:
    endpoint: str
    api_key: str
    http: aiohttp.ClientSession

    async def action(
        self,
        name: str,
        form: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        authorised: bool = True,
    ) -> Answer:
        """Send an action the way the public clients do."""
        fixed = {
            "Action": name,
            "Format": "json",
            "Version": "2025-05-06",
            "Timestamp": "2026-01-15T08:30:00Z",
            "SignatureNonce": "9f0c2b7d5e1a4c3f8b6d7e0a1c2f3b4d",
        }
        fields = {"Authorization": f"Bearer {self.api_key}"} if authorised else {}
        fields |= form or {}
        return await self.post(
            f"/?{urlencode({**fixed, **(query or {})})}",
            urlencode(sorted(fields.items())).encode(),
            {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})},
        )

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self.http.post(self.endpoint + path, data=data, headers=headers) as response:
            assert response.headers["Content-Type"] == "application/json;charset=utf-8"
            return Answer(response.status, json.loads(await response.text()), response.headers)

    async def create(self, form: Mapping[str, str] | None = None) -> Started:
        data = (await self.action("CreateMcpSession", form)).data
        return Started(data["SessionId"], data["Token"], data["LinkUrl"], data)

    async def status(self, session_id: str) -> str:
        answer = await self.action("GetSessionDetail", query={"SessionId": session_id})
        return str(answer.data["Status"])

    async def tool(self, session: Started, name: str, args: Any, **form: str) -> dict[str, Any]:
        """Call a tool on the API route."""
        fields = {"SessionId": session.id, "Name": name, "Args": json.dumps(args), **form}
        data: dict[str, Any] = (await self.action("CallMcpTool", fields)).data
        return data

    async def link(
        self, session: Started, name: str, args: Any, server: str = "", **extra: Any
    ) -> dict[str, Any]:
        """Call a tool on the direct route."""
        request = {
            "args": args,
            "server": server,
            "requestId": "link-1736900000123-004217733",
            "tool": name,
            "token": session.token,
            **extra,
        }
        async with self.http.post(
            f"{session.link_url}/callTool",
            data=io.BytesIO(json.dumps(request).encode()),
            headers={"Content-Type": "application/json", "X-Access-Token": session.token},
        ) as response:
            assert response.status == 200, await response.text()
            body = json.loads(await response.text())
        assert body["requestId"] == request["requestId"]
        result: dict[str, Any] = json.loads(body["data"])["result"]
        return result

    async def text(self, session: Started, name: str, args: Any) -> str:
        """Return the text of a tool that succeeds."""
        result = await self.link(session, name, args)
        assert result["isError"] is False, result
        return str(result["content"][0]["text"])

    async def shell(self, session: Started, command: str, timeout_ms: int = 10_000) -> str:
        text = await self.text(session, "shell", {"command": command, "timeout_ms": timeout_ms})
        return str(json.loads(text)["stdout"])


@asynccontextmanager
async def wire_to(runtime: LocalRuntime) -> AsyncIterator[Wire]:
    async with wire_at(runtime.endpoint, runtime.api_key) as wire:
        yield wire


@asynccontextmanager
async def wire_at(endpoint: str, api_key: str, deadline: float = DEADLINE) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(deadline)) as http:
        yield Wire(endpoint, api_key, http)


async def raw_request(endpoint: str, request: bytes) -> tuple[int, dict[str, Any]]:
    """Send bytes as they are, and return the status and the body of the answer."""
    parts = urlsplit(endpoint)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(request)
        await writer.drain()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        body = await asyncio.wait_for(reader.readexactly(length), DEADLINE)
    finally:
        writer.close()
        await writer.wait_closed()
    return int(head.split()[1]), json.loads(body)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells, such as the state of another process."""
    with anyio.fail_after(DEADLINE):
        while not condition():  # noqa: ASYNC110 - see above
            await anyio.sleep(0.005)


def connection_to(endpoint: str) -> socket.socket:
    parts = urlsplit(endpoint)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), DEADLINE)
