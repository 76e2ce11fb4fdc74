"""Label a session, read the labels back, and find the session by them."""

from agentbay import AgentBay, CreateSessionParams

agent_bay = AgentBay()
with agent_bay.session(CreateSessionParams(labels={"project": "demo"})) as session:
    print("at first:", session.get_labels().data)

    session.set_labels({"project": "demo", "stage": "testing"}).unwrap()
    print("now:", session.get_labels().data)

    found = agent_bay.list({"stage": "testing"})
    print("found by label:", session.session_id in found.session_ids)

    refused = session.set_labels({})
    print("refused:", refused.error_message)
