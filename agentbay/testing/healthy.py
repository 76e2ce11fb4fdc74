"""The answers of a service at which nothing goes wrong, and nothing runs in the sessions either."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentbay._wire.actions.sessions import (
    CreateMcpSession,
    DeleteSessionAsync,
    GetLabel,
    GetSession,
    GetSessionDetail,
    ListSession,
    PauseSessionAsync,
    ReleaseMcpSession,
    ResumeSessionAsync,
    SetLabel,
)
from agentbay._wire.actions.tools import ListMcpTools
from agentbay._wire.catalogue import REQUESTS, TOOLS
from agentbay._wire.codec import JsonText, dump_json, lenient_converter
from agentbay._wire.envelope import Code, service_error
from agentbay._wire.request import MissingParameterError
from agentbay._wire.tools.shell import ShellAnswer
from agentbay.errors import ConflictError, ProtocolError, ServiceError
from agentbay.models.session import SessionStatus
from agentbay.testing.answers import Answer, Data, Refusal, Text
from agentbay.testing.recorded import Recorded, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay._wire.request import Request
    from agentbay.testing.sessions import ServedSession, SessionTable

__all__ = ("HealthyService",)

_FILE_URL = {"Url": "https://files.example/object", "ExpireTime": 1_900_000_000}
_DATA: Mapping[str, Any] = {
    "CreateNetwork": {"NetworkId": "net-1", "NetworkToken": "network-token-1"},
    "DescribeNetwork": {"Online": True},
    "GetAdbLink": {"Url": "adb connect phone.example:5555"},
    "GetCdpLink": {"Url": "wss://browser.example/devtools"},
    "GetContext": {"Id": "SdkCtx-1", "Name": "context-1", "State": "available"},
    "GetContextFileDownloadUrl": _FILE_URL,
    "GetContextFileUploadUrl": _FILE_URL,
    "GetContextInfo": {"ContextStatus": "[]"},
    "GetLink": {"Url": "https://link.example/port"},
    "GetMcpResource": {"SessionId": "s-1", "ResourceUrl": "https://view.example/s-1"},
    "InitBrowser": {"Port": 9222},
}
_TEXTS: Mapping[str, str] = {"get_env": "{}", "set_env": "{}", "shell": ShellAnswer().to_text()}


class HealthyService:
    """Keeps sessions, and answers what else is asked with the least that makes sense.

    Args:
        tools: The tools that sessions announce, by name, each with its server.
        table: Where the sessions are kept.

    Attributes:
        facts: What is told of every session; ``{id}`` stands for its id.
    """

    def __init__(self, tools: Mapping[str, str] | None, table: SessionTable) -> None:
        if tools is None:
            tools = {name: kind.server for name, kind in sorted(TOOLS.items())}
        self._table = table
        self._tools = json.dumps(
            [{"name": name, "server": server} for name, server in tools.items()]
        )
        self.facts: dict[str, Any] = {
            "AppInstanceId": "ai-1",
            "ResourceId": "p-1",
            "ResourceUrl": "https://view.example/{id}",
        }

    def answer(self, request: Recorded) -> Answer:
        """Return the answer to *request*, once what it asks for is done."""
        try:
            return self._call(request) if request.tool else self._act(request)
        except ServiceError as exc:
            return _refusal(exc)

    def follow(self, request: Recorded, answer: Answer) -> Answer:
        """Return a script's *answer*; a session that it says was created is kept from now on."""
        if request.name != "CreateMcpSession" or not isinstance(answer, Data):
            return answer
        session_id = answer.data.get("SessionId") if isinstance(answer.data, dict) else None
        try:
            asked = _decoded(request)
            if session_id and isinstance(asked, CreateMcpSession):
                self._table.create(asked, session_id)
        except ServiceError as exc:
            return _refusal(exc)
        return answer

    def _call(self, request: Recorded) -> Answer:
        # Through a VPC tools are called without saying whose they are.
        if request.route is not Route.VPC:
            try:
                self._table.usable(request.session_id).calls += 1
            except ConflictError as exc:
                if request.route is Route.LINK:
                    return Text(exc.detail, is_error=True)
                raise
        return Text(_TEXTS.get(request.name, "ok"))

    def _act(self, request: Recorded) -> Answer:
        asked = _decoded(request)
        match asked:
            case CreateMcpSession():
                return Data(self._told(self._table.create(asked)))
            case ListSession():
                return self._list(asked)
            case ListMcpTools():
                return Data(self._tools)
        session_id = getattr(asked, "session_id", None)
        if session_id is not None:
            return self._act_on(self._table.get(session_id), asked)
        return Data(_data(request.name))

    def _act_on(self, session: ServedSession, asked: Request[Any]) -> Answer:
        match asked:
            case GetSession():
                return Data({**self._told(session), "Status": session.state.value})
            case GetSessionDetail():
                return Data({"Status": session.state.value, "ImageId": session.image_id})
            case GetLabel():
                return Data({"Labels": dump_json(session.labels, JsonText.ASCII)})
            case SetLabel():
                self._table.set_labels(session.id, asked.labels)
            case PauseSessionAsync():
                session.state = SessionStatus.PAUSED
            case ResumeSessionAsync():
                session.state = SessionStatus.RUNNING
            case DeleteSessionAsync() | ReleaseMcpSession():
                self._table.delete(session.id)
        return Data(_data(asked.action()))

    def _list(self, request: ListSession) -> Answer:
        page = self._table.page(request)
        envelope = {
            "NextToken": page.next_token,
            "MaxResults": page.max_results,
            "TotalCount": page.total_count,
        }
        return Data(lenient_converter.unstructure(page.data), envelope)

    def _told(self, session: ServedSession) -> dict[str, Any]:
        told = {
            name: value.replace("{id}", session.id) if isinstance(value, str) else value
            for name, value in self.facts.items()
        }
        return {**told, "ToolList": self._tools, "Success": True, "SessionId": session.id}


def _refusal(error: ServiceError) -> Refusal:
    return Refusal(error.code, error.detail, error.http_status or 400)


def _decoded(request: Recorded) -> Request[Any]:
    """Return *request* as its class.

    Raises:
        ServiceError: there is no such action, a parameter is missing, or has the wrong form.
    """
    if request.name not in REQUESTS:
        raise service_error(
            Code.ACTION_NOT_FOUND, f"There is no action {request.name}", http_status=404
        )
    try:
        return REQUESTS[request.name].decode(request.arguments)
    except MissingParameterError as exc:
        raise service_error(Code.MISSING_PARAMETER, str(exc), http_status=400) from exc
    except ProtocolError as exc:
        raise service_error(Code.INVALID_PARAMETER, str(exc), http_status=400) from exc


def _data(action: str) -> Any:
    kind = REQUESTS[action].data_type
    if action in _DATA or kind is None:
        return _DATA.get(action)
    return lenient_converter.unstructure(kind()) if isinstance(kind, type) else []
