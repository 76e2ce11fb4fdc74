"""Serve a page inside a session and open it from outside."""

import time
import urllib.error
import urllib.request

from agentbay import AgentBay, CreateSessionParams, SessionError


def fetch(url: str, seconds: float = 10) -> str:
    """Return the page at *url*; the server inside needs a moment to start."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=seconds) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 502 or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


agent_bay = AgentBay()
with agent_bay.session(CreateSessionParams(image_id="linux_latest")) as session:
    session.file_system.write_file("site/index.html", "Hello from inside\n").unwrap()
    session.command.execute_command(
        "cd site && python3 -m http.server 30150 >/dev/null 2>&1 &"
    ).unwrap()

    link = session.get_link(protocol_type="https", port=30150).unwrap()
    print(fetch(str(link)).strip())

    try:
        session.get_link(protocol_type="https", port=8080)
    except SessionError as error:
        print("refused:", error)
