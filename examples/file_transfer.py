"""Carry a file and a whole directory into a session and back."""

import tempfile
from pathlib import Path

from agentbay import AgentBay, CreateSessionParams

agent_bay = AgentBay()
folder = tempfile.TemporaryDirectory()
project = Path(folder.name, "project")
project.mkdir()
Path(project, "main.py").write_text("print('Hello from the session')\n")

with folder, agent_bay.session(CreateSessionParams(image_id="linux_latest")) as session:
    files = session.file_system
    sent = files.upload_directory(str(project), "/home/wuying/project")
    print("sent:", sent.success, sent.entries)
    session.command.execute_command("python3 main.py > output.txt", cwd="/home/wuying/project")

    target = str(Path(folder.name, "output.txt"))
    got = files.download_file("/home/wuying/project/output.txt", target, progress_cb=print)
    print("received:", got.success, Path(target).read_text().strip())

    back = files.download_directory("/home/wuying/project", str(Path(folder.name, "back")))
    print("back:", back.success, back.entries)
