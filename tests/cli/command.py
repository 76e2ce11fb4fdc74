"""The real ``agentbay`` command as a child process, and what its sessions tell this one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

from attrs import frozen

from agentbay import AsyncAgentBay, Config
from tests.children import DEFAULT_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DEADLINE = 40.0


@frozen
class Server:
    """A running ``agentbay serve``."""

    endpoint: str
    api_key: str
    process: subprocess.Popen[bytes]
    ready: Mapping[str, object]

    @property
    def env(self) -> dict[str, str]:
        return {"AGENTBAY_ENDPOINT": self.endpoint, "AGENTBAY_API_KEY": self.api_key}

    def client(self, **options: str) -> AsyncAgentBay:
        return AsyncAgentBay(self.api_key, Config(endpoint=self.endpoint, **options))  # type: ignore[arg-type]  # ca_file only


class Command:
    """Starts the command with nothing of the developer's configuration."""

    def __init__(self, folder: Path) -> None:
        self.cwd = folder / "work"
        self._temporary = folder / "tmp"
        self._home = folder / "home"
        for path in (self.cwd, self._temporary, self._home):
            path.mkdir()
        self._processes: list[subprocess.Popen[bytes]] = []

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTBAY_", "PYTHON"))}
        own = {
            "HOME": str(self._home),
            "TMPDIR": str(self._temporary),
            "AGENTBAY_LOCAL_NETWORK": "none",  # starts faster
        }
        return {**kept, **own, **(extra or {})}

    def start(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = DEFAULT_SIGNALS,
        stdout: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "agentbay", *args],
            cwd=self.cwd,
            env=self.env(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        self._processes.append(process)
        return process

    def run(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = DEFAULT_SIGNALS,
        stdout: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[bytes]:
        return finish(self.start(*args, env=env, prefix=prefix, stdout=stdout))

    @contextlib.contextmanager
    def serving(self, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
        """Run `agentbay serve`; leaving the block ends it by SIGTERM."""
        process = self.start("serve", "--port", "0", *options, env=env)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, finish(process).stderr.decode()
        ready = json.loads(line)
        yield Server(ready["endpoint"], ready["api_key"], process, ready)
        process.send_signal(signal.SIGTERM)
        done = finish(process)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()

    def leftovers(self) -> list[str]:
        """Return what runtimes left in the temporary directory."""
        return sorted(str(path) for path in self._temporary.glob("agentbay-*/*"))

    def end_all(self) -> None:
        for process in self._processes:
            with process:
                if process.poll() is None:
                    process.kill()
                for stream in (process.stdout, process.stderr):
                    if stream is not None:
                        stream.close()


def finish(process: subprocess.Popen[bytes]) -> subprocess.CompletedProcess[bytes]:
    stdout, stderr = process.communicate(timeout=DEADLINE)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


class Caller:
    """A command that calls this process when it runs and stays until it is told to go on.

    The connection tells of it: accepted, it runs; at its end, the process is dead. The session
    needs the network of this machine.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE)
        self._connection: socket.socket | None = None

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    @property
    def command(self) -> list[str]:
        port = self._listener.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port})).recv(1)"
        return ["python3", "-c", code]

    def wait_running(self) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(DEADLINE)

    def release(self) -> None:
        assert self._connection is not None
        self._connection.sendall(b"!")

    def wait_dead(self) -> None:
        assert self._connection is not None
        with contextlib.suppress(ConnectionResetError):
            assert self._connection.recv(1) == b""
