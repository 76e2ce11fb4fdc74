"""Go over all sessions with a label, page after page."""

import uuid

from agentbay import AgentBay, CreateSessionParams

agent_bay = AgentBay()
group = {"group": uuid.uuid4().hex}
params = CreateSessionParams(labels=group)
with (
    agent_bay.session(params),
    agent_bay.session(params),
    agent_bay.session(params) as newest,
):
    sessions = list(agent_bay.list_all(group, limit=2))
    print("sessions:", len(sessions))
    print("newest first:", sessions[0] == newest.session_id)
    print("states:", {session["sessionStatus"] for session in sessions})
