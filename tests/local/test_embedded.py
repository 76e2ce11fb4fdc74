"""The runtime inside a program; each test is a program of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.children import DEFAULT_SIGNALS
from tests.local.child import descendants_of, environment, run_script, still_running
from tests.local.wire import DEADLINE

if TYPE_CHECKING:
    from pathlib import Path

PRELUDE = """
import asyncio, json, os, signal, sys, threading, urllib.parse, urllib.request
from agentbay.local.embedded import start_embedded

def action(target, name, **parameters):
    parameters |= {"Action": name, "Authorization": f"Bearer {target.api_key}"}
    body = urllib.parse.urlencode(parameters).encode()
    with urllib.request.urlopen(target.endpoint + "/", body, timeout=20) as response:
        return json.load(response)

def create(target):
    return action(target, "CreateMcpSession")["Data"]["SessionId"]

def count(target):
    return action(target, "ListSession")["TotalCount"]
"""


def run(script: str, temporary: Path, **extra: str) -> list[str]:
    """Run a program that must succeed silently, and return the lines it prints."""
    extra = {"AGENTBAY_LOCAL_NETWORK": "none", **extra}
    done = run_script(PRELUDE + dedent(script), temporary, **extra)
    assert (done.returncode, done.stderr) == (0, "")
    base = temporary / f"agentbay-{os.getuid()}"
    assert not base.exists() or list(base.iterdir()) == []
    return done.stdout.splitlines()


def test_contexts_survive_the_program_in_a_directory_of_their_own(tmp_path: Path) -> None:
    def context_id(*, allow_create: bool) -> list[str]:
        script = f"""
            target = start_embedded()
            found = action(target, "GetContext", Name="kept", AllowCreate={allow_create})
            print(found["Data"]["Id"])
        """
        return run(script, tmp_path, AGENTBAY_LOCAL_DATA_DIR=str(tmp_path / "kept"))

    assert context_id(allow_create=True) == context_id(allow_create=False)


def test_a_program_that_just_ends_leaves_nothing(tmp_path: Path) -> None:
    lines = run(
        """
        target = start_embedded()
        for _ in range(3):
            create(target)
        print(count(target))
        """,
        tmp_path,
    )
    assert lines == ["3"]


def test_it_is_started_once_by_many_threads(tmp_path: Path) -> None:
    lines = run(
        """
        targets = []
        barrier = threading.Barrier(8)

        def start():
            barrier.wait()
            targets.append(start_embedded())

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(len(targets), len({target.endpoint for target in targets}))
        print(sum(thread.name == "agentbay-local" for thread in threading.enumerate()))
        """,
        tmp_path,
    )
    assert lines == ["8 1", "1"]


def test_it_survives_the_event_loop_of_its_caller(tmp_path: Path) -> None:
    lines = run(
        """
        async def main():
            target = await asyncio.to_thread(start_embedded)
            await asyncio.to_thread(create, target)
            return target

        first, second = asyncio.run(main()), asyncio.run(main())
        print(first is second, count(first))
        """,
        tmp_path,
    )
    assert lines == ["True 2"]


def test_a_forked_child_has_its_own(tmp_path: Path) -> None:
    lines = run(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12: threads and fork

        parent = start_embedded()
        create(parent)
        pid = os.fork()
        if not pid:
            child = start_embedded()
            create(child), create(child)
            print("child", child.endpoint != parent.endpoint, count(child), flush=True)
            sys.exit(0)
        print("status", os.waitpid(pid, 0)[1], flush=True)
        create(parent)
        print("parent", count(parent))
        """,
        tmp_path,
    )
    assert [line for line in lines if line.startswith("child")] == ["child True 2"]
    assert lines[-2:] == ["status 0", "parent 2"]


def test_a_child_that_never_uses_it_does_not_hold_the_port(tmp_path: Path) -> None:
    lines = run(
        """
        import socket, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12: threads and fork
        from agentbay.local import embedded

        target = start_embedded()
        read_fd, write_fd = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(write_fd)
            os.read(read_fd, 1)  # until the parent closes its end
            os._exit(0)
        embedded._stop_at_exit()
        address = urllib.parse.urlsplit(target.endpoint)
        try:
            socket.create_connection((address.hostname, address.port), 5)
        except ConnectionRefusedError:
            print("refused")
        os.close(write_fd)
        print(os.waitpid(pid, 0)[1])
        """,
        tmp_path,
    )
    assert lines == ["refused", "0"]


def test_a_failed_start_is_told_and_tried_again(tmp_path: Path) -> None:
    lines = run(
        """
        path = os.environ["PATH"]
        os.environ["PATH"] = "/nothing"
        for _ in range(2):
            try:
                start_embedded()
            except Exception as exc:
                print(type(exc).__name__, "apt install bubblewrap" in str(exc))
        os.environ["PATH"] = path
        print(count(start_embedded()))
        """,
        tmp_path,
    )
    assert lines == ["SandboxError True", "SandboxError True", "0"]


@pytest.mark.parametrize("variable", ["AGENTBAY_LOCAL_ISOLATION", "AGENTBAY_LOCAL_NETWORK"])
def test_a_wrong_setting_is_told(tmp_path: Path, variable: str) -> None:
    lines = run(
        """
        from agentbay.errors import AgentBayError
        try:
            start_embedded()
        except AgentBayError as exc:
            print(exc)
        """,
        tmp_path,
        **{variable: "nonsense"},
    )
    assert lines[0].startswith(f"{variable} is 'nonsense'; it must be one of ")


def test_sys_exit_and_errors_end_it_too(tmp_path: Path) -> None:
    script = PRELUDE + "create(start_embedded())\nraise SystemExit(3)\n"
    done = run_script(script, tmp_path, AGENTBAY_LOCAL_NETWORK="none")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    assert list((tmp_path / f"agentbay-{os.getuid()}").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_program_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    script = PRELUDE + 'create(start_embedded())\nprint("ready", flush=True)\nsignal.pause()\n'
    with subprocess.Popen(
        [*DEFAULT_SIGNALS, sys.executable, "-c", script],
        env=environment(tmp_path, AGENTBAY_LOCAL_NETWORK="none"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with descendants_of(process.pid) as processes:
            assert len(processes) >= 2
            process.send_signal(number)
            process.communicate(timeout=DEADLINE)
            assert still_running(processes) == []
    left = list((tmp_path / f"agentbay-{os.getuid()}").iterdir())
    assert len(left) == (1 if number is signal.SIGKILL else 0)
