"""``agentbay serve --faults``: a service that misbehaves, for clients in other processes."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from agentbay import AsyncAgentBay, Config, CreateSessionParams, RateLimitError
from agentbay.config import RetryPolicy
from tests.cli.command import finish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.command import Command

QUICK = ("--port", "0", "--network", "none", "--isolation", "none")
RULES = [
    {"fault": {"kind": "throttled", "retry_after": 3}, "name": "CreateMcpSession", "nth": 1},
    {"fault": {"kind": "sandbox_killed", "processed": True}, "name": "shell", "nth": 1},
]


async def test_the_faults_of_a_file(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"rules": RULES}))
    process = command.start("serve", *QUICK, "--faults", str(path))
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    config = Config(endpoint=ready["endpoint"], retry=RetryPolicy(max_attempts=1))
    async with AsyncAgentBay(ready["api_key"], config) as bay:
        params = CreateSessionParams(image_id="linux_latest")
        with pytest.raises(RateLimitError) as caught:
            (await bay.create(params)).unwrap()
        assert caught.value.retry_after == 3
        session = (await bay.create(params)).unwrap()
        assert (await session.command.execute_command("echo hi")).unwrap().stdout == "hi\n"
        assert not (await session.command.execute_command("echo hi")).success
    process.send_signal(signal.SIGTERM)
    done = finish(process)
    log = done.stderr.decode()
    assert done.returncode == 0, log
    assert log.startswith(
        f"agentbay: warning: this runtime fails on purpose (2 rules in {path}, seed 0)\n"
    )
    assert "shell on route link: SandboxKilled(processed=True)" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"rules": [{"fault": "burn"}]}', "kind must be one of "),
        ('{"rules": [{"fault": "refused"}]}', "refused needs a FaultProxy"),
        ("{", "cannot be read: "),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_used(
    command: Command, tmp_path: Path, content: str | None, problem: str
) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    done = command.run("serve", *QUICK, "--faults", str(path))
    assert (done.returncode, done.stdout) == (1, b"")
    *_, last = done.stderr.decode().splitlines()
    assert last.startswith("agentbay: error: ")
    assert problem in last
    assert "Traceback" not in done.stderr.decode()
