"""The answers of a service at which nothing goes wrong, and nothing is done either."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agentbay._wire.codec import lenient_converter
from agentbay._wire.envelope import SESSION_NOT_FOUND, Code
from agentbay._wire.request import REQUESTS
from agentbay._wire.tools import TOOLS, ShellAnswer
from agentbay.testing.answers import Answer, Data, Refusal, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay.testing.recording import Recorded

__all__ = ("HealthyService",)

_STATE_AFTER = {
    "DeleteSessionAsync": "DELETED",
    "PauseSessionAsync": "PAUSED",
    "ReleaseMcpSession": "DELETED",
    "ResumeSessionAsync": "RUNNING",
}
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
    "GetLabel": {"Labels": "{}"},
    "GetLink": {"Url": "https://link.example/port"},
    "GetMcpResource": {"SessionId": "s-1", "ResourceUrl": "https://view.example/s-1"},
    "InitBrowser": {"Port": 9222},
}
_TEXTS: Mapping[str, str] = {"get_env": "{}", "set_env": "{}", "shell": ShellAnswer().to_text()}


class HealthyService:
    """Knows the sessions that were asked for and the state they would be in.

    Args:
        tools: The tools that sessions announce, by name, each with its server.

    Attributes:
        facts: What is told of every session; ``{id}`` stands for its id.
    """

    def __init__(self, tools: Mapping[str, str] | None) -> None:
        if tools is None:
            tools = {name: kind.server for name, kind in sorted(TOOLS.items())}
        self._tools = [{"name": name, "server": server} for name, server in tools.items()]
        self._states: dict[str, str] = {}
        self._created = 0
        self.facts: dict[str, Any] = {
            "AppInstanceId": "ai-1",
            "ResourceId": "p-1",
            "ResourceUrl": "https://view.example/{id}",
            "ToolList": json.dumps(self._tools),
        }

    def answer(self, request: Recorded) -> Answer:
        """Return the least that makes sense as an answer to *request*."""
        if request.tool:
            return Text(_TEXTS.get(request.name, "ok"))
        if request.name not in REQUESTS:
            return Refusal(Code.ACTION_NOT_FOUND, f"There is no action {request.name}", 404)
        if request.name == "CreateMcpSession":
            self._created += 1
            return Data(self._session(f"s-{self._created}"))
        if request.name == "ListMcpTools":
            return Data(json.dumps(self._tools))
        if request.name in ("GetSession", "GetSessionDetail"):
            return self._look_up(request)
        if request.name in _STATE_AFTER:
            self._states[request.session_id] = _STATE_AFTER[request.name]
        return Data(_data(request.name))

    def _look_up(self, request: Recorded) -> Answer:
        state = self._states.get(request.session_id, "RUNNING")
        if state == "DELETED":
            return Refusal(Code.SESSION_NOT_FOUND, SESSION_NOT_FOUND, 404)
        known = self._session(request.session_id) if request.name == "GetSession" else {}
        return Data({**known, "Status": state})

    def _session(self, session_id: str) -> dict[str, Any]:
        told = {
            name: value.replace("{id}", session_id) if isinstance(value, str) else value
            for name, value in self.facts.items()
        }
        return {**told, "Success": True, "SessionId": session_id}


def _data(action: str) -> Any:
    kind = REQUESTS[action].data_type
    if action in _DATA or kind is None:
        return _DATA.get(action)
    return lenient_converter.unstructure(kind()) if isinstance(kind, type) else []
