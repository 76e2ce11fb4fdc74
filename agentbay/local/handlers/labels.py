"""Labels of sessions."""

from __future__ import annotations

from agentbay._wire.actions.sessions import GetLabel, LabelData, SetLabel
from agentbay._wire.envelope import Code, Reply, service_error
from agentbay.local.handlers.registry import Call, handles


@handles(SetLabel)
async def set_labels(call: Call, request: SetLabel) -> Reply[None]:
    """Replace the labels of a session."""
    problem = _problem(request.labels)
    if problem:
        raise service_error(Code.INVALID_PARAMETER, problem, http_status=400)
    sessions = call.services.sessions
    await sessions.set_labels(sessions.get(request.session_id), request.labels)
    return Reply()


def _problem(labels: dict[str, str]) -> str:
    if not labels:
        return "Labels must hold at least one label"
    for key, value in labels.items():
        if not key.strip():
            return "Labels must not have a blank key"
        if not value.strip():
            return f"Labels must not have a blank value, as that of {key!r}"
    return ""


@handles(GetLabel)
async def get_labels(call: Call, request: GetLabel) -> Reply[LabelData]:
    """Return the labels of a session, all on one page."""
    session = call.services.sessions.get(request.session_id)
    return Reply(data=LabelData(labels=dict(session.labels)))
