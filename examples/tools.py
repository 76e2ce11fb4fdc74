"""List the tools of a session, call one that succeeds and one that fails."""

from agentbay import AgentBay, CreateSessionParams

agent_bay = AgentBay()
with agent_bay.session(CreateSessionParams(image_id="linux_latest")) as session:
    for tool in session.list_mcp_tools().unwrap():
        print(f"{tool.name} of {tool.server}: {tool.description}")

    result = session.call_mcp_tool("shell", {"command": "echo Hello", "timeout_ms": 5000})
    print("output:", result.data.strip())

    result = session.call_mcp_tool("shell", {"command": "nope", "timeout_ms": 5000})
    print("success:", result.success)
    print("error:", result.error_message.strip())
