"""One tool call: picks the route, and turns every failure into the documented result."""

from __future__ import annotations

import json
import logging
import secrets
import string
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen

from agentbay._transport.deadline import Deadline
from agentbay._transport.retry import repeated, retry_after
from agentbay._wire.actions.tools import CallMcpTool, ToolPayload
from agentbay._wire.codec import lenient_converter, load_json, structure
from agentbay._wire.envelope import malformed_part, service_error
from agentbay._wire.tools.reading import tool_text
from agentbay.errors import AgentBayError, ProtocolError
from agentbay.models.keys import normalize_keys
from agentbay.models.session import McpToolResult

if TYPE_CHECKING:
    from agentbay._transport.http import HttpPool, HttpResponse
    from agentbay._transport.rpc import Rpc

__all__ = ("ToolCall", "ToolCaller")

logger = logging.getLogger("agentbay.api")

LINK_TIMEOUT = 900.0
"""Seconds that a call over the direct route may take; tools have limits of their own."""

VPC_TIMEOUT = 30.0
"""Seconds that a call inside a VPC may take."""

_ID_LETTERS = string.ascii_lowercase + string.digits


@frozen(kw_only=True)
class ToolCall:
    """What is called, and where the session can be reached directly.

    Attributes:
        session_id: The session.
        name: The tool.
        args: Its arguments.
        server: The server that owns it; empty when unknown.
        link_url: Base URL of the direct route; empty when there is none.
        token: What authorises the direct route, and the one inside a VPC.
        is_vpc: Whether the session runs inside a VPC.
        vpc_host: Its address there.
        vpc_port: Its port there.
        read_timeout: Seconds for the answer; each route has its default.
        connect_timeout: Seconds for making a connection.
        auto_gen_session: Let the service create the session if it is gone.
    """

    session_id: str
    name: str
    args: Mapping[str, Any] = field(repr=False)
    server: str = ""
    link_url: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    is_vpc: bool = False
    vpc_host: str = ""
    vpc_port: str = ""
    read_timeout: float | None = None
    connect_timeout: float | None = None
    auto_gen_session: bool = False


class ToolCaller:
    """Calls tools, by the direct route where a session offers one, else through the API.

    Args:
        http: Connections.
        rpc: The API.
    """

    def __init__(self, http: HttpPool, rpc: Rpc) -> None:
        self._http = http
        self._rpc = rpc

    async def call(self, call: ToolCall) -> McpToolResult:
        """Call a tool and return its outcome; failures are results, never raised."""
        try:
            call = attrs.evolve(call, args=_normalised(call.name, call.args))
            args = json.dumps(call.args, ensure_ascii=False).encode()
        except (TypeError, ValueError) as exc:  # UnicodeEncodeError is a ValueError
            return McpToolResult.failure(
                f"Failed to call MCP tool: {exc}",
                AgentBayError(f"The arguments of {call.name} cannot be sent as JSON: {exc}"),
            )
        started = time.monotonic()
        result = await self._route(call, args)
        # Neither arguments nor output: they are the user's.
        logger.info(
            "Tool Response: %s of %s, RequestId=%s, %s, %.3f s",
            call.name,
            call.session_id,
            result.request_id,
            "ok" if result.success else "failed",
            time.monotonic() - started,
        )
        return result

    async def _route(self, call: ToolCall, args: bytes) -> McpToolResult:
        if call.is_vpc and (call.vpc_host or call.vpc_port):
            return await self._call_vpc(call, args)
        if call.link_url and call.token and call.server:
            return await self._call_link(call, args)
        return await self._call_api(call)

    async def _call_vpc(self, call: ToolCall, args: bytes) -> McpToolResult:
        if not call.server:
            return McpToolResult.failure(f"server not found for tool: {call.name}")
        if not (call.vpc_host and call.vpc_port):
            return McpToolResult.failure(
                "VPC network configuration incomplete: "
                f"networkInterfaceIp={call.vpc_host}, httpPort={call.vpc_port}"
            )
        letters = "".join(secrets.choice(_ID_LETTERS) for _ in range(9))
        request_id = f"vpc-{time.time_ns() // 1_000_000}-{letters}"
        try:
            response = await self._request(
                call,
                "GET",
                f"http://{call.vpc_host}:{call.vpc_port}/callTool",
                timeout=call.read_timeout or VPC_TIMEOUT,
                connect_timeout=call.connect_timeout,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                query={
                    "server": call.server,
                    "tool": call.name,
                    "args": args.decode(),
                    "token": call.token,
                    "requestId": request_id,
                },
            )
        except AgentBayError as exc:
            return McpToolResult.failure(f"HTTP request failed: {exc}", exc, request_id=request_id)
        try:
            payload = _vpc_payload(response)
        except AgentBayError as exc:
            return McpToolResult.failure(str(exc), exc, request_id=request_id)
        return _outcome(call.name, payload, request_id)

    async def _request(
        self, call: ToolCall, method: str, url: str, *, timeout: float, **options: Any
    ) -> HttpResponse:
        """Send a request to a session itself, again only if it certainly was not carried out."""

        async def attempt(_: int, deadline: Deadline) -> HttpResponse:
            return await self._http.request(method, url, deadline=deadline, **options)

        return await repeated(
            attempt,
            self._rpc.retry,
            Deadline.after(timeout),
            what=f"{call.name} of {call.session_id}",
            idempotent=CallMcpTool.idempotent,
            problem_of=lambda response: None if response.ok else _link_refusal(response),
        )

    async def _call_api(self, call: ToolCall) -> McpToolResult:
        request = CallMcpTool(
            session_id=call.session_id,
            name=call.name,
            args=dict(call.args),
            server=call.server,
            auto_gen_session=call.auto_gen_session,
        )
        try:
            reply = await self._rpc.call(
                request, timeout=call.read_timeout, connect_timeout=call.connect_timeout
            )
        except ProtocolError as exc:
            text = {
                "Data": f"Failed to parse response data: {exc}",
                "body": "Invalid response body",
            }.get(malformed_part(exc), f"API request failed: {exc}")
            return McpToolResult.failure(text, exc, request_id=exc.request_id)
        except AgentBayError as exc:
            return McpToolResult.failure(f"API request failed: {exc}", exc)
        if reply.refusal is not None:
            text = f"[{reply.refusal.code}] {reply.refusal.detail or 'Unknown error'}"
            return McpToolResult.failure(text, reply.refusal, request_id=reply.request_id)
        if reply.data is None:
            return McpToolResult.failure("Empty response data", request_id=reply.request_id)
        return _outcome(call.name, reply.data, reply.request_id)

    async def _call_link(self, call: ToolCall, args: bytes) -> McpToolResult:
        request_id = f"link-{time.time_ns() // 1_000_000}-{secrets.randbelow(10**9):09d}"
        rest = {
            "server": call.server,
            "requestId": request_id,
            "tool": call.name,
            "token": call.token,
        }
        try:
            response = await self._request(
                call,
                "POST",
                f"{call.link_url.rstrip('/')}/callTool",
                timeout=call.read_timeout or LINK_TIMEOUT,
                connect_timeout=call.connect_timeout or self._rpc.timeout,
                headers={"X-Access-Token": call.token, "Content-Type": "application/json"},
                # The arguments can be megabytes: they are encoded once, in call().
                body=b'{"args": %b, %b' % (args, json.dumps(rest).encode()[1:]),
            )
        except AgentBayError as exc:
            return McpToolResult.failure(f"HTTP request failed: {exc}", exc, request_id=request_id)
        try:
            payload = _link_payload(response)
        except AgentBayError as exc:
            return McpToolResult.failure(str(exc), exc, request_id=request_id)
        return _outcome(call.name, payload, request_id)


def _outcome(name: str, payload: ToolPayload, request_id: str) -> McpToolResult:
    raw = payload.text
    meaning = tool_text(name, raw, is_error=payload.is_error)
    return McpToolResult(
        request_id,
        meaning.success,
        meaning.data,
        meaning.error_message,
        raw=raw,
        is_error=payload.is_error,
    )


def _normalised(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of *args* with the names of keys as the service spells them."""
    copied = dict(args)
    if name == "press_keys" and "keys" in copied:
        copied["keys"] = normalize_keys(copied["keys"])
    return copied


def _vpc_payload(response: HttpResponse) -> ToolPayload:
    """Read the bare answer of the route inside a VPC.

    Raises:
        ServiceError: the status is not one of success.
        ProtocolError: the answer has another form.
    """
    if not response.ok:
        raise _link_refusal(response)
    try:
        body = load_json(response.text)
    except ValueError as exc:
        raise ProtocolError(f"Unexpected error: the answer is not JSON: {exc}") from exc
    payload: ToolPayload = structure(lenient_converter, body, ToolPayload, "The tool's answer")
    return payload


def _link_payload(response: HttpResponse) -> ToolPayload:
    """Read the answer of the direct route: ``{"data": {"result": {...}}}``.

    Raises:
        ServiceError: the status is not one of success.
        ProtocolError: the answer has another form.
    """
    if not response.ok:
        raise _link_refusal(response)
    try:
        body = load_json(response.text)
    except ValueError as exc:
        raise ProtocolError(f"HTTP request failed: the answer is not JSON: {exc}") from exc
    data = body.get("data") if isinstance(body, dict) else None
    if data is None or data == "":
        raise ProtocolError("No data field in LinkUrl response")
    if isinstance(data, str):
        try:
            data = load_json(data)
        except ValueError as exc:
            raise ProtocolError("Invalid data field type in LinkUrl response") from exc
    if not isinstance(data, dict):
        raise ProtocolError("Invalid data field type in LinkUrl response")
    result = data.get("result", {})
    if not isinstance(result, dict):
        raise ProtocolError("No result field in LinkUrl response data")
    payload: ToolPayload = structure(lenient_converter, result, ToolPayload, "The tool's answer")
    return payload


def _link_refusal(response: HttpResponse) -> AgentBayError:
    message = f"HTTP request failed with code: {response.status}"
    try:
        body = load_json(response.text)
    except ValueError:
        body = None
    said = (body.get("message") or body.get("Message")) if isinstance(body, dict) else None
    error = service_error(
        "", str(said or ""), http_status=response.status, retry_after=retry_after(response)
    )
    error.args = (f"{message}. {said}" if said else message,)
    return error
