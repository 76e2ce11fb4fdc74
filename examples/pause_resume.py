"""Freeze a session, and find everything as it was when it wakes up."""

from agentbay import AgentBay, CreateSessionParams

agent_bay = AgentBay()
with agent_bay.session(CreateSessionParams(image_id="linux_latest")) as session:
    session.file_system.write_file("note.txt", "still here").unwrap()

    paused = session.pause(timeout=60, poll_interval=1.0)
    print("paused:", paused.success, paused.status)

    refused = session.command.execute_command("true")
    print("works while paused:", refused.success)

    resumed = session.resume(timeout=60, poll_interval=1.0)
    print("resumed:", resumed.success, resumed.status)
    print(session.file_system.read_file("note.txt").content)
