"""What a request is, as far as rules ask for it."""

from __future__ import annotations

import json
import re
from typing import Literal

from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError
from attrs import frozen

from agentbay.errors import ServiceError
from agentbay.local.parameters import merged_parameters

__all__ = ("RequestFacts", "RouteName", "facts_of")

RouteName = Literal["api", "link", "vpc", "channel", "signed", "port", "other"]
"""The way of a request: an action, a tool straight to its session (from outside or inside the
session's network), a WebSocket of a session, a signed URL of a file, a port of a session."""

_LINK = re.compile(r"(?:/link/(?P<session>[^/]+))?.*/callTool", re.DOTALL)
_LINK_ITSELF = re.compile(r"/link/(?P<session>[^/]+)/?")
_CHANNEL = re.compile(r"/(?:channel|ws)/(?P<session>[^/]+)")
_SIGNED = "/contexts/"


@frozen
class RequestFacts:
    """One request.

    Attributes:
        names: What it can be called: the action, and the tool if it calls one; on the other
            routes the HTTP method.
        session_id: The session it is about; empty if that cannot be seen.
        websocket: Whether it asks for a WebSocket.
    """

    route: RouteName
    names: tuple[str, ...] = ()
    session_id: str = ""
    websocket: bool = False


async def facts_of(request: web.Request, port_of: str = "") -> RequestFacts:
    """Look at *request*; bodies of actions and tool calls are read, and can be read again.

    Args:
        request: The request.
        port_of: The session, if this came in at the link to one of its ports.
    """
    websocket = request.headers.get("Upgrade", "").lower() == "websocket"
    if port_of:
        return RequestFacts("port", (request.method,), port_of, websocket)
    if websocket:
        channel = _CHANNEL.fullmatch(request.path)
        return RequestFacts("channel", ("GET",), channel["session"] if channel else "", True)
    if request.method == "POST":
        return await _call(request)
    return _look_up(request)


async def _call(request: web.Request) -> RequestFacts:
    if request.path == "/":
        return _action(request.rel_url.raw_query_string, await _body(request))
    if link := _LINK.fullmatch(request.path):
        return RequestFacts("link", _tool(await _body(request)), link["session"] or "")
    return RequestFacts("other", ("POST",))


def _look_up(request: web.Request) -> RequestFacts:
    names, path = (request.method,), request.path
    if path.startswith(_SIGNED):
        return RequestFacts("signed", names)
    if path == "/callTool":
        return RequestFacts("vpc", ("CallMcpTool", request.query.get("tool", "")))
    if link := _LINK_ITSELF.fullmatch(path):
        return RequestFacts("link", names, link["session"])
    return RequestFacts("other", names)


async def _body(request: web.Request) -> bytes:
    """Return the body; nothing of one that whoever handles the request will refuse."""
    if (request.content_length or 0) > request.client_max_size:
        return b""
    try:
        return await request.read()
    except (web.RequestPayloadError, PayloadEncodingError):
        return b""


def _action(query: str, body: bytes) -> RequestFacts:
    try:
        parameters = merged_parameters(query, body)
    except ServiceError:
        return RequestFacts("api")
    names = [parameters.get("Action", "")]
    if names == ["CallMcpTool"]:
        names.append(parameters.get("Name", ""))
    return RequestFacts("api", tuple(names), parameters.get("SessionId", ""))


def _tool(body: bytes) -> tuple[str, ...]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    name = found.get("tool") if isinstance(found, dict) else None
    return ("CallMcpTool", name) if isinstance(name, str) else ("CallMcpTool",)
