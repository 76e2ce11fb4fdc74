"""A server that speaks the protocol, remembers what it was asked, and answers by script.

It keeps sessions and runs nothing in them: it shows what a client puts on the wire, how a client
takes any answer, those included that a healthy service never gives, and what it does with
thousands of sessions. For programs that need a service that works there is :mod:`agentbay.local`.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import WSCloseCode, web
from attrs import define

from agentbay._wire.channel import SDK, Frame
from agentbay._wire.envelope import SESSION_NOT_FOUND, Code
from agentbay.errors import ProtocolError
from agentbay.local.listening import stop_accepting
from agentbay.testing.answers import Answer, Frames, Raw, Refusal, Text
from agentbay.testing.capacity import Capacity, TokenBucket
from agentbay.testing.faults.injector import PlanInjector
from agentbay.testing.healthy import HealthyService
from agentbay.testing.recorded import Recorded, Route
from agentbay.testing.replies import payload, refused, reply, sent_as_is
from agentbay.testing.sessions import ServedSession, SessionTable

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from agentbay.testing.faults import FaultPlan

__all__ = ("RecordingServer",)

MASK = "****"
MAX_BODY_BYTES = 64 * 1024 * 1024
# A thousand sessions are begun at once, each on a connection of its own.
BACKLOG = 2048
# They are in every request and say nothing about the call.
_COMMON = frozenset({"Action", "Format", "SignatureNonce", "Timestamp", "Version"})


@define(eq=False)
class _Script:
    """Answers to be given in turn; the last one is given from then on."""

    answers: list[Answer]
    given: int = 0

    def next(self, request: Recorded) -> Answer:
        answer = self.answers[min(self.given, len(self.answers) - 1)]
        self.given += 1
        return answer(request) if callable(answer) else answer


class RecordingServer:
    """The server; an asynchronous context manager that listens while it is entered.

    ::

        async with RecordingServer() as server:
            server.answer("get_screen_size", Text('{"width": 1, "height": 2}'))
            bay = AsyncAgentBay(server.api_key, Config(endpoint=server.endpoint))
            ...
            assert server.calls[-1].arguments == {}

    Args:
        route: How calls of tools come in: what the sessions announce makes clients choose.
        channel: Whether sessions announce a WebSocket.
        tools: Tools that the sessions announce, by name, each with its server; all that this
            package knows by default.
        capacity: What the server can take; anything by default. It holds for scripted answers,
            too.
        faults: What goes wrong with requests, scripted or not.
        record: Whether requests are remembered. Without that the server's memory does not grow.

    Attributes:
        requests: The requests that are remembered, oldest first.
        counts: How many requests there were, by name, also when they are not remembered.
        throttled: How many were refused for coming too fast.
    """

    api_key = "akm-recorded"
    token = "token-recorded"  # noqa: S105 - it protects nothing

    def __init__(
        self,
        *,
        route: Route = Route.API,
        channel: bool = False,
        tools: Mapping[str, str] | None = None,
        capacity: Capacity | None = None,
        faults: FaultPlan | None = None,
        record: bool = True,
    ) -> None:
        self._capacity = capacity or Capacity()
        rate = self._capacity.rate
        self._bucket = TokenBucket(rate, self._capacity.burst) if rate is not None else None
        self._table = SessionTable(self._capacity.max_sessions)
        self._healthy = HealthyService(tools, self._table)
        if faults is not None:
            faults.check("server")
        self._faults = faults
        self._injector: PlanInjector | None = None
        self._record = record
        self._route = route
        self._channel = channel
        self._scripts: dict[str, _Script] = {}
        self._sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self._listener: socket.socket | None = None
        self._port = 0
        self.requests: list[Recorded] = []
        self.counts: Counter[str] = Counter()
        self.throttled = 0

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def sessions(self) -> dict[str, ServedSession]:
        """The sessions that live now, by id, oldest first; a copy."""
        return dict(self._table.live)

    @property
    def sessions_created(self) -> int:
        """How many sessions were created so far."""
        return self._table.created

    @property
    def most_sessions(self) -> int:
        """The largest number of sessions that lived at the same time."""
        return self._table.most

    @property
    def calls(self) -> list[Recorded]:
        """The calls of tools among the requests."""
        return [request for request in self.requests if request.tool]

    def named(self, name: str) -> list[Recorded]:
        """Return the requests for an action, tool or method of the channel."""
        return [request for request in self.requests if request.name == name]

    def answer(self, name: str, *answers: Answer | str) -> None:
        """Say what to answer to an action, a tool, or a method of the channel.

        Args:
            name: Its name.
            answers: Given in turn, the last one from then on. A string is the text of a tool.
        """
        if not answers:
            raise ValueError("give at least one answer")
        self._scripts[name] = _Script(
            [Text(answer) if isinstance(answer, str) else answer for answer in answers]
        )

    async def push(self, source: str, data: Mapping[str, Any]) -> None:
        """Send *data* as a frame that nobody has asked for, on every open channel."""
        frame = Frame(uuid.uuid4().hex, source, SDK, dict(data))
        for channel in self._sockets:
            await channel.send_str(frame.to_text())

    async def drop_channels(self) -> None:
        """Cut every open channel."""
        for channel in list(self._sockets):
            await channel.close(code=WSCloseCode.GOING_AWAY)

    async def __aenter__(self) -> Self:
        self._injector = PlanInjector(self._faults) if self._faults is not None else None
        application = web.Application(
            client_max_size=MAX_BODY_BYTES,
            middlewares=[] if self._injector is None else [self._injector.middleware()],
        )
        application.router.add_post("/", self._handle_action)
        application.router.add_post("/link/{session_id}/callTool", self._handle_link)
        application.router.add_get("/callTool", self._handle_vpc)
        application.router.add_get("/ws/{session_id}", self._handle_channel)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            await web.SockSite(self._runner, self._listener, backlog=BACKLOG).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self._port = self._listener.getsockname()[1]
        self._announce()
        return self

    def _announce(self) -> None:
        facts = self._healthy.facts
        if self._channel:
            facts |= {"Token": self.token, "WsUrl": f"ws://127.0.0.1:{self._port}/ws/{{id}}"}
        if self._route is Route.LINK:
            facts |= {"Token": self.token, "LinkUrl": f"{self.endpoint}/link/{{id}}"}
        if self._route is Route.VPC:
            facts |= {"Token": self.token, "VpcResource": True}
            facts |= {"NetworkInterfaceIp": "127.0.0.1", "HttpPort": str(self._port)}

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            if self._injector is not None:
                self._injector.close()
            await self.drop_channels()
            if self._listener is not None:
                await stop_accepting(self._listener, runner.sites)
            await runner.cleanup()

    async def _handle_action(self, request: web.Request) -> web.StreamResponse:
        query = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        recorded = self._action_record(query, form)
        self._note(recorded)
        if recorded.parameters.get("Authorization") != f"Bearer {MASK}":
            return refused(Refusal(Code.INVALID_KEY, "The API key is not known", 401))
        return reply(await self._next(recorded))

    def _action_record(self, query: dict[str, str], form: dict[str, str]) -> Recorded:
        action = query.get("Action") or form.get("Action", "")
        parameters = {
            name: value.replace(self.api_key, MASK)
            for name, value in sorted({**query, **form}.items())
            if name not in _COMMON
        }
        in_query = frozenset(query) - _COMMON
        session_id = parameters.get("SessionId", "")
        if action != "CallMcpTool":
            arguments = {name: parameters[name] for name in parameters if name != "Authorization"}
            return Recorded(
                route=Route.API,
                name=action,
                arguments=arguments,
                session_id=session_id,
                parameters=parameters,
                query=in_query,
            )
        return Recorded(
            route=Route.API,
            name=parameters.get("Name", ""),
            tool=True,
            arguments=json.loads(parameters.get("Args") or "{}"),
            server=parameters.get("Server", ""),
            session_id=session_id,
            parameters=parameters,
            query=in_query,
        )

    async def _handle_link(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        recorded = Recorded(
            route=Route.LINK,
            name=body.get("tool", ""),
            tool=True,
            arguments=body.get("args") or {},
            server=body.get("server", ""),
            session_id=request.match_info["session_id"],
        )
        self._note(recorded)
        if not request.headers.get("X-Access-Token") == body.get("token") == self.token:
            return web.json_response({"message": "The token is not valid"}, status=403)
        answer = await self._next(recorded)
        if isinstance(answer, Text):
            return web.json_response({"data": json.dumps({"result": payload(answer)})})
        return sent_as_is(answer)

    async def _handle_vpc(self, request: web.Request) -> web.StreamResponse:
        recorded = Recorded(
            route=Route.VPC,
            name=request.query.get("tool", ""),
            tool=True,
            arguments=json.loads(request.query.get("args") or "{}"),
            server=request.query.get("server", ""),
        )
        self._note(recorded)
        if request.query.get("token") != self.token:
            return web.json_response({"message": "The token is not valid"}, status=403)
        answer = await self._next(recorded)
        return (
            web.json_response(payload(answer)) if isinstance(answer, Text) else sent_as_is(answer)
        )

    async def _handle_channel(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Access-Token") != self.token:
            return web.Response(status=403, text="The token is not valid")
        if request.match_info["session_id"] not in self._table.live:
            return refused(Refusal(Code.SESSION_NOT_FOUND, SESSION_NOT_FOUND, 404))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        try:
            async for message in socket:
                try:
                    frame = Frame.from_text(message.data)
                except ProtocolError:
                    continue  # a heartbeat, as some clients send it
                await self._answer_frame(socket, frame, request)
        finally:
            self._sockets.remove(socket)
        return socket

    async def _answer_frame(
        self, socket: web.WebSocketResponse, frame: Frame, request: web.Request
    ) -> None:
        data = frame.data or {}
        recorded = Recorded(
            route=Route.CHANNEL,
            name=data.get("method", ""),
            arguments=data.get("params") or {},
            server=frame.target,
            session_id=request.match_info["session_id"],
            data=data,
            id=frame.id,
        )
        self._note(recorded)
        script = self._scripts.get(recorded.name)
        answer = script.next(recorded) if script is not None else Frames()
        for sent in answer.frames if isinstance(answer, Frames) else [answer]:
            if isinstance(sent, Raw):
                await socket.send_str(sent.body.decode())
            elif isinstance(sent, Mapping):
                await socket.send_str(Frame(frame.id, frame.target, SDK, dict(sent)).to_text())
            else:
                raise TypeError(f"{sent!r} cannot be sent on the channel")
        if isinstance(answer, Frames) and answer.then_drop:
            await socket.close(code=WSCloseCode.GOING_AWAY)

    def _note(self, request: Recorded) -> None:
        self.counts[request.name] += 1
        if self._record:
            self.requests.append(request)

    async def _next(self, request: Recorded) -> Answer:
        if request.name in self._capacity.throttled and self._bucket is not None:
            wait = self._bucket.take()
            if wait:
                self.throttled += 1
                return Refusal(Code.THROTTLED, "Too many requests", 429, math.ceil(wait))
        delay = self._capacity.latency.get(request.name, 0)
        if delay:
            await asyncio.sleep(delay)
        script = self._scripts.get(request.name)
        if script is None:
            return self._healthy.answer(request)
        return self._healthy.follow(request, script.next(request))
