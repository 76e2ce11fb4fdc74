"""Ask a session about itself: where it can be viewed, its state, what it uses."""

from agentbay import AgentBay, CreateSessionParams

agent_bay = AgentBay()
with agent_bay.session(CreateSessionParams(image_id="linux_latest")) as session:
    info = session.info().unwrap()
    print("same session:", info is not None and info.session_id == session.session_id)
    print("state:", session.get_status().status)
    print("kept alive:", session.keep_alive().success)

    metrics = session.get_metrics().unwrap()
    print("processors:", metrics.cpu_count)
    print("memory used, MiB:", metrics.mem_used // 2**20)
