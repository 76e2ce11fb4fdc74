"""The HTTP side: from a request to a call of a handler, and from its outcome to a reply.

Every answer, whatever went wrong, is an envelope of the protocol with a fresh request id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError
from attrs import evolve

from agentbay._wire.actions.tools import ToolPayload
from agentbay._wire.catalogue import REQUESTS
from agentbay._wire.codec import lenient_converter
from agentbay._wire.envelope import Code, service_error, write_reply
from agentbay._wire.request import MissingParameterError, Request
from agentbay.errors import NotFoundError, ProtocolError, RateLimitError, ServiceError
from agentbay.local.answers import error_answer, json_answer
from agentbay.local.auth import check_api_key, check_origin, check_token, is_token
from agentbay.local.channel.hub import TOKEN_HEADER, ChannelHub
from agentbay.local.contexts.http import serve_signed
from agentbay.local.contexts.signing import ROUTE
from agentbay.local.faults import DISK_BYTES
from agentbay.local.handlers.registry import Call, Services, handled_actions, handler_of
from agentbay.local.ids import new_request_id
from agentbay.local.notices import Once
from agentbay.local.parameters import merged_parameters
from agentbay.local.relay import admit
from agentbay.local.sessions import refuse_stopping
from agentbay.local.tasks import InFlight
from agentbay.local.tools.call import call_tool
from agentbay.local.turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from aiohttp.typedefs import Middleware

    from agentbay.local.session import Session

    _Route = Callable[[web.Request, str], Awaitable[web.StreamResponse]]
    _HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

__all__ = ("MAX_BODY_BYTES", "Gateway")

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
_LARGE_BODY_BYTES = 256 * 1024
# Of every action, so no request class lists them.
_COMMON_PARAMETERS = frozenset(
    {"Action", "Authorization", "Format", "SignatureNonce", "Timestamp", "Version"}
)


class Gateway:
    """The routes of the runtime."""

    def __init__(
        self, services: Services, api_key: str, *, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._services = services
        self._api_key = api_key
        self._max_body_bytes = max_body_bytes
        self._unknown_names = Once()
        self._decoding = Turns(at_once=1, waiting=sys.maxsize)
        self._draining = False
        self.in_flight = InFlight()
        self.channels = ChannelHub()

    def application(self, middlewares: Sequence[Middleware] = ()) -> web.Application:
        """Return the application that serves the routes, with *middlewares* around them."""
        application = web.Application(client_max_size=self._max_body_bytes, middlewares=middlewares)
        application.router.add_post("/", self._answering(self._handle_action))
        application.router.add_post(
            "/link/{session_id}/callTool", self._answering(self._handle_link)
        )
        application.router.add_get("/link/{session_id}", self._answering(self._handle_default_link))
        application.router.add_get(
            "/channel/{session_id}", self._answering(self._handle_channel, lasting=True)
        )
        # (?s: names of files may have line breaks.
        application.router.add_route(
            "*", f"{ROUTE}{{path:(?s:.*)}}", self._answering(self._handle_signed)
        )
        application.router.add_route("*", "/{path:.*}", self._answering(self._handle_other))
        return application

    def drain(self) -> None:
        """Refuse requests from now on; those in flight go on."""
        self._draining = True

    def _answering(self, route: _Route, *, lasting: bool = False) -> _HttpHandler:
        """Return *route* with what all have in common: the checks and the writing of failures.

        A stop of the runtime does not wait for a *lasting* one, which ends with its session.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            request_id = new_request_id()
            started = time.monotonic()
            with contextlib.nullcontext() if lasting else self.in_flight:
                try:
                    self._check_origin(request)
                    response = await route(request, request_id)
                except ServiceError as exc:
                    response = self._error(exc, request_id)
                except ConnectionError:
                    # The client is gone. Raised, aiohttp would log it as a failure of ours.
                    return web.Response()
                except Exception:
                    logger.exception("Request %s failed unexpectedly", request_id)
                    response = self._error(_internal(), request_id)
            spent = (time.monotonic() - started) * 1000
            logger.debug("Request %s: HTTP %d in %.1f ms", request_id, response.status, spent)
            return response

        return handle

    def _check_origin(self, request: web.Request) -> None:
        headers = request.headers
        # No page can make a browser send this header, and some clients invent an origin.
        origins = [] if TOKEN_HEADER in headers else headers.getall("Origin", [])
        check_origin(headers.getall("Host", []), origins)
        if self._draining:
            refuse_stopping()

    async def _handle_action(self, request: web.Request, request_id: str) -> web.StreamResponse:
        body = await self._body(request)
        async with self._turn_to_decode(body):
            parameters = merged_parameters(request.rel_url.raw_query_string, body)
        check_api_key(parameters, self._api_key)
        kind = _action(parameters)
        self._note_unknown(kind, parameters)
        handler = handler_of(kind)
        if handler is None:
            raise _unknown_action(kind.action())
        call = Call(self._services, DISK_BYTES.get())
        try:
            reply = await handler(call, _decode(kind, parameters))
            reply = evolve(reply, request_id=request_id)
            response = json_answer(write_reply(kind, reply))
            # Sent from here, to learn whether there still is somebody to send it to.
            await response.prepare(request)
            await response.write_eof()
        except BaseException:
            for undo in call.undo:
                undo()
            raise
        return response

    async def _handle_link(self, request: web.Request, request_id: str) -> web.StreamResponse:
        """Call a tool on the direct route, where the session's token is the key."""
        text = await self._body(request)
        async with self._turn_to_decode(text):
            body = _object(text)
        session = self._services.sessions.get(request.match_info["session_id"])
        check_token((request.headers.get("X-Access-Token"), body.get("token")), session.token)
        name, server = (_link_text(body, key) for key in ("tool", "server"))
        if not name:
            raise service_error(
                Code.MISSING_PARAMETER, "A tool call needs the name of a tool", http_status=400
            )
        arguments = _link_arguments(body)
        try:
            payload = await call_tool(session, name, server, arguments)
        except RateLimitError:
            raise
        except ServiceError as exc:
            # Of an HTTP error on this route clients show the status only.
            payload = ToolPayload.of_text(exc.detail, is_error=True)
        result = lenient_converter.unstructure(payload)
        return json_answer(
            {
                "code": Code.OK,
                "success": True,
                "requestId": _link_text(body, "requestId") or request_id,
                "data": json.dumps({"result": result}, ensure_ascii=False),
            }
        )

    async def _handle_default_link(
        self, request: web.Request, request_id: str
    ) -> web.StreamResponse:
        """Say how the session is: what its default link leads to, in a browser for example."""
        session = self._session_of_link(request)
        token = request.headers.get("X-Access-Token") or request.query.get("token")
        admit(session, has_token=is_token(token, session.token))
        return json_answer(
            {
                "code": Code.OK,
                "success": True,
                "requestId": request_id,
                "data": {"sessionId": session.id, "status": session.state.value},
            }
        )

    async def _handle_channel(self, request: web.Request, _request_id: str) -> web.StreamResponse:
        """Serve a session's WebSocket."""
        return await self.channels.serve(request, self._session_of_link(request))

    async def _handle_signed(self, request: web.Request, _request_id: str) -> web.StreamResponse:
        """Serve a file of a context to whoever has a signed URL for it."""
        return await serve_signed(self._services.contexts, request)

    async def _handle_other(self, request: web.Request, _request_id: str) -> web.StreamResponse:
        raise service_error(
            Code.ACTION_NOT_FOUND,
            f"There is nothing at {request.method} {request.path[:200]}; actions are POST /",
            http_status=404,
        )

    def _session_of_link(self, request: web.Request) -> Session:
        try:
            return self._services.sessions.get(request.match_info["session_id"])
        except NotFoundError as exc:
            raise service_error(Code.SESSION_NOT_FOUND, exc.detail, http_status=404) from exc

    async def _body(self, request: web.Request) -> bytes:
        too_large = service_error(
            Code.TOO_LARGE,
            f"The request is larger than {self._max_body_bytes} bytes, which is the limit. "
            "Large files are written in parts (mode append).",
            http_status=413,
        )
        if (request.content_length or 0) > self._max_body_bytes:
            raise too_large
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge as exc:
            raise too_large from exc
        except (web.RequestPayloadError, PayloadEncodingError) as exc:
            raise service_error(
                Code.INVALID_BODY, f"The body cannot be read: {exc}", http_status=400
            ) from exc

    @contextlib.asynccontextmanager
    async def _turn_to_decode(self, body: bytes) -> AsyncIterator[None]:
        """Let at most one large body be decoded in a round of the event loop.

        A client that sends many at once would else hold up the calls of all others for seconds.
        """
        if len(body) < _LARGE_BODY_BYTES:
            yield
            return
        async with self._decoding.turn():
            yield
            await asyncio.sleep(0)

    def _note_unknown(self, kind: type[Request[Any]], parameters: dict[str, str]) -> None:
        """Tell once about each parameter that has no effect: it may be a typing error."""
        for name in kind.unknown(parameters):
            if name not in _COMMON_PARAMETERS and self._unknown_names.first(
                f"{kind.action()} {name}"
            ):
                logger.warning("%s has no parameter %.100r; it is ignored", kind.action(), name)

    def _error(self, error: ServiceError, request_id: str) -> web.Response:
        response = error_answer(error, request_id)
        if self._draining:
            response.force_close()
        return response


def _action(parameters: dict[str, str]) -> type[Request[Any]]:
    name = parameters.get("Action")
    if not name:
        raise service_error(
            Code.MISSING_PARAMETER, "The parameter Action is missing", http_status=400
        )
    if name not in REQUESTS:
        raise _unknown_action(name)
    return REQUESTS[name]


def _unknown_action(name: str) -> ServiceError:
    return service_error(
        Code.ACTION_NOT_FOUND,
        f"The local runtime has no action {name[:100]!r}. It knows: {', '.join(handled_actions())}",
        http_status=404,
    )


def _decode(kind: type[Request[Any]], parameters: dict[str, str]) -> Request[Any]:
    try:
        return kind.decode(parameters)
    except MissingParameterError as exc:
        raise service_error(Code.MISSING_PARAMETER, str(exc), http_status=400) from exc
    except ProtocolError as exc:
        raise service_error(Code.INVALID_PARAMETER, str(exc), http_status=400) from exc


def _internal() -> ServiceError:
    return service_error(
        Code.INTERNAL,
        "The local runtime failed; its log tells why, under the id of this request",
        http_status=500,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as exc:
        raise service_error(
            Code.INVALID_BODY, f"The body must be JSON: {exc}", http_status=400
        ) from exc
    if not isinstance(found, dict):
        raise service_error(Code.INVALID_BODY, "The body must be a JSON object", http_status=400)
    return found


def _link_text(body: dict[str, Any], key: str) -> str:
    value = body.get(key) or ""
    if not isinstance(value, str):
        raise service_error(Code.INVALID_PARAMETER, f"{key} must be a string", http_status=400)
    return value


def _link_arguments(body: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments: an object, or one written as JSON in a string."""
    arguments = body.get("args")
    if isinstance(arguments, str) and arguments:
        arguments = _object(arguments.encode(errors="surrogatepass"))
    if arguments and not isinstance(arguments, dict):
        raise service_error(Code.INVALID_PARAMETER, "args must be an object", http_status=400)
    return arguments or {}
