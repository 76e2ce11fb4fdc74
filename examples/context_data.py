"""Keep the files of a session, and find them in the next one."""

import os

from agentbay import AgentBay, ContextSync, CreateSessionParams

agent_bay = AgentBay()
context = agent_bay.context.create(f"example-{os.getpid()}").unwrap()
params = CreateSessionParams(context_syncs=[ContextSync(context.id, "/home/wuying/data")])

first = agent_bay.create(params).unwrap()
first.file_system.write_file("/home/wuying/data/note.txt", "still here").unwrap()
# Uploads the contexts, waits for that, and only then lets the session go.
print("deleted:", first.delete(sync_context=True).success)

second = agent_bay.create(params).unwrap()
print(second.file_system.read_text("/home/wuying/data/note.txt").content)
for task in second.context.info().unwrap():
    print(task.task_type, task.path, task.status)
second.delete()

print("context deleted:", agent_bay.context.delete(context).success)
