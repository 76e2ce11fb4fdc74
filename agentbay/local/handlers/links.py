"""Links into sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from agentbay._wire.actions.links import GetLink, LinkData
from agentbay._wire.envelope import Code, Reply, service_error
from agentbay.local.handlers.registry import Call, handles

if TYPE_CHECKING:
    from agentbay.errors import ServiceError
    from agentbay.local.session import Session

_PORTS = range(30100, 30200)
_PROTOCOLS = ("https", "wss")


@handles(GetLink)
async def get_link(call: Call, request: GetLink) -> Reply[LinkData]:
    """Return the URL of a port of a session, or that of the session itself.

    URLs have the scheme of the runtime: ``http`` and ``ws`` unless it speaks TLS.
    """
    session = call.services.sessions.get(request.session_id)
    protocol = request.protocol_type or None
    if protocol is not None and protocol not in _PROTOCOLS:
        raise _invalid(f"ProtocolType must be one of {', '.join(_PROTOCOLS)}")
    if request.port is None:
        base = f"{call.services.endpoint}/link/{session.id}"
        if protocol == "wss":
            base = channel_url(call, session)
        return Reply(data=LinkData(url=f"{base}?{urlencode({'token': session.token})}"))
    if request.port not in _PORTS:
        raise _invalid(f"Port must be in the range [{_PORTS[0]}, {_PORTS[-1]}]")
    url = await call.services.links.url(session, request.port, websocket=protocol != "https")
    return Reply(data=LinkData(url=url))


def channel_url(call: Call, session: Session) -> str:
    """Return the URL of the session's WebSocket, without the token."""
    return f"{call.services.endpoint.replace('http', 'ws', 1)}/channel/{session.id}"


def _invalid(problem: str) -> ServiceError:
    return service_error(Code.INVALID_PARAMETER, problem, http_status=400)
