"""Runtimes in child processes, and what becomes of all their processes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from tests.children import DEFAULT_SIGNALS
from tests.local.wire import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SERVE = """
import asyncio, json, sys
from agentbay.local.serve import ServeOptions, serve

options = {"port": 0, "network": "none", **json.loads(sys.argv[1])}
sys.exit(asyncio.run(serve(ServeOptions(**options))))
"""


@frozen
class Server:
    process: subprocess.Popen[str]
    ready: dict[str, Any]

    @property
    def endpoint(self) -> str:
        return str(self.ready["endpoint"])

    @property
    def api_key(self) -> str:
        return str(self.ready["api_key"])


def environment(temporary: Path, **extra: str) -> dict[str, str]:
    """Nothing of the developer's own settings, and a directory for temporary files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGENTBAY_")}
    return {**kept, "TMPDIR": str(temporary), **extra}


def run_script(script: str, temporary: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEFAULT_SIGNALS, sys.executable, "-W", "error", "-c", script],
        env=environment(temporary, **extra),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@contextmanager
def serving(
    temporary: Path,
    *,
    env: dict[str, str] | None = None,
    inside: Sequence[str] = (),
    **options: Any,
) -> Iterator[Server]:
    """Run a server, by the command *inside*, until the test is over, or has ended it."""
    process = subprocess.Popen(
        [*DEFAULT_SIGNALS, *inside, sys.executable, "-c", SERVE, json.dumps(options)],
        env=environment(temporary, **(env or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=DEADLINE)[1]
        yield Server(process, json.loads(line))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=DEADLINE)


@contextmanager
def descendants_of(pid: int) -> Iterator[dict[int, str]]:
    """Hold on to all processes below *pid*, so that their end can be seen."""
    handles: dict[int, str] = {}
    try:
        for found in _below(pid):
            with suppress(ProcessLookupError):  # it has ended by itself
                handles[os.pidfd_open(found)] = _name(found)
        yield handles
    finally:
        for handle in handles:
            os.close(handle)


def still_running(handles: dict[int, str]) -> list[str]:
    """Wait for the end of all of them and return the names of those that remain."""
    return [name for handle, name in handles.items() if not _ended(handle)]


def _ended(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(DEADLINE * 1000))


def _below(pid: int) -> list[int]:
    found = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(file).split():
            found += [int(child), *_below(int(child))]
    return found


def _name(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/comm")).strip()


def _read(path: Path) -> str:
    """Return the text of a file of /proc; nothing when its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def end(server: Server, *signals: signal.Signals) -> tuple[int, str, str]:
    """Send the signals and return the exit status, the rest of the output and the log."""
    for number in signals:
        server.process.send_signal(number)
    out, log = server.process.communicate(timeout=DEADLINE)
    return server.process.returncode, out, log
