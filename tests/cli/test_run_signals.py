from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import Caller, finish

if TYPE_CHECKING:
    from tests.cli.command import Command, Server

HOST_NETWORK = {"AGENTBAY_LOCAL_NETWORK": "host"}
SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_the_session_with_all_its_processes(
    command: Command, number: signal.Signals
) -> None:
    with Caller() as caller:
        process = command.start("run", "-q", "--", *caller.command, env=HOST_NETWORK)
        caller.wait_running()
        process.send_signal(number)
        done = finish(process)
        caller.wait_dead()
    assert (done.returncode, done.stdout) == (128 + number, b"")
    assert (
        done.stderr.decode() == f"agentbay: {number.name}: cleaning up; once more to quit at once\n"
    )


async def test_ctrl_c_deletes_the_session_of_a_server(command: Command, server: Server) -> None:
    with Caller() as caller:
        process = command.start("run", "--", *caller.command, env=server.env)
        caller.wait_running()
        async with server.client() as agent_bay:
            (listed,) = (await agent_bay.list()).unwrap()
            process.send_signal(signal.SIGINT)
            done = finish(process)
            caller.wait_dead()
            assert done.returncode == 130
            assert not (await agent_bay.get(listed.session_id)).success
            assert (await agent_bay.list()).unwrap() == []


def test_a_second_signal_does_not_wait_for_the_clean_up(command: Command, server: Server) -> None:
    with Caller() as caller:
        process = command.start("run", "-q", "--", *caller.command, env=server.env)
        caller.wait_running()
        server.process.send_signal(signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert b"cleaning up" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == -signal.SIGINT
        finally:
            server.process.send_signal(signal.SIGCONT)


def test_an_ignored_signal_stays_ignored(command: Command) -> None:
    nohup = ("env", "--ignore-signal=HUP")
    with Caller() as caller:
        process = command.start("run", "-q", "--", *caller.command, env=HOST_NETWORK, prefix=nohup)
        caller.wait_running()
        process.send_signal(signal.SIGHUP)
        caller.release()
        done = finish(process)
    assert (done.returncode, done.stderr) == (0, b"")
