"""The real blocking client in programs that are interrupted, fork, thread or never clean up.

The clients here use the runtime embedded in their own process, sandboxes included.
"""

from __future__ import annotations

import pytest

from tests.children import STRICT, lines_of, run_script

LOCAL = {"AGENTBAY_ENDPOINT": "local", "AGENTBAY_LOCAL_NETWORK": "none"}


def test_exit_without_close() -> None:
    source = """
    from agentbay import AgentBay
    session = AgentBay().create().unwrap()
    print(session.command.execute_command("echo out").stdout, end="")
    """
    assert lines_of(source, env=LOCAL) == ["out"]


def test_close_twice() -> None:
    source = """
    from agentbay import AgentBay
    with AgentBay() as bay:
        print(bay.list().success)
    bay.close()
    print(bay.list().error_message)
    """
    assert lines_of(source, env=LOCAL) == ["True", "Failed to list sessions: " + CLOSED]


CLOSED = "This client was closed; make a new one to go on"


@pytest.mark.parametrize("times", range(3))
def test_interrupt_while_a_command_runs_deletes_the_session(times: int) -> None:
    source = """
    import os, signal, threading
    from agentbay import AgentBay

    bay = AgentBay()
    try:
        with bay.session() as session:
            ready = "mkfifo ready && echo > ready && sleep 300"
            def interrupt():
                wait = "while ! [ -p ready ]; do sleep 0.01; done; cat ready"
                session.command.execute_command(wait)
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=interrupt).start()
            session.command.execute_command(ready, timeout_ms=60000)
            print("never")
    except KeyboardInterrupt:
        print("interrupted")
    print(bay.list(status="RUNNING").session_ids)
    """
    assert lines_of(source, env=LOCAL) == ["interrupted", "[]"]


def test_fork_before_first_use() -> None:
    source = """
    import os, sys
    from agentbay import AgentBay
    bay = AgentBay()
    pid = os.fork()
    with bay.session() as session:
        assert session.command.execute_command("echo ok").stdout == "ok\\n"
    if pid == 0:
        sys.exit(0)
    print(os.waitpid(pid, 0)[1])
    """
    assert lines_of(source, env=LOCAL) == ["0"]


def test_fork_after_use_leaves_the_parents_sessions_alone() -> None:
    # Python 3.12 and later warn about any fork beside a thread; that is the program's business.
    source = """
    import os, sys
    from agentbay import AgentBay
    bay = AgentBay()
    session = bay.create().unwrap()
    session.file_system.write_file("kept", "yes").unwrap()
    pid = os.fork()
    if pid == 0:
        with bay.session() as own:
            assert own.command.execute_command("echo ok").stdout == "ok\\n"
        sys.exit(0)
    print(os.waitpid(pid, 0)[1])
    print(session.file_system.read_file("kept").content)
    """
    flags = (*STRICT, "-W", "ignore:This process:DeprecationWarning")
    assert lines_of(source, flags=flags, env=LOCAL) == ["0", "yes"]


def test_twenty_threads() -> None:
    source = """
    from concurrent.futures import ThreadPoolExecutor
    from agentbay import AgentBay

    bay = AgentBay()
    with bay.session() as session, ThreadPoolExecutor(20) as pool:
        commands = [f"echo {number}" for number in range(20)]
        results = pool.map(session.command.execute_command, commands)
        print(*[result.stdout.strip() for result in results])
    """
    assert lines_of(source, env=LOCAL) == [" ".join(str(number) for number in range(20))]


def test_inside_a_running_loop() -> None:
    source = """
    import asyncio, warnings
    from agentbay import AgentBay, BlockingCallWarning

    async def main():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            session = AgentBay().create().unwrap()
        print(len(caught), caught[0].category is BlockingCallWarning)
        warnings.simplefilter("ignore", BlockingCallWarning)
        print(session.command.execute_command("echo inside").stdout, end="")
        print(session.delete().success)

    asyncio.run(main())
    """
    assert lines_of(source, env=LOCAL) == ["1 True", "inside", "True"]


def test_both_surfaces_and_two_loops_share_the_embedded_runtime() -> None:
    source = """
    import asyncio
    from agentbay import AgentBay, AsyncAgentBay

    session = AgentBay().create().unwrap()

    async def main():
        found = (await AsyncAgentBay().get(session.session_id)).unwrap()
        print((await found.command.execute_command("echo shared")).stdout, end="")

    asyncio.run(main())
    asyncio.run(main())
    print(session.delete().success)
    """
    assert lines_of(source, env=LOCAL) == ["shared", "shared", "True"]


def test_missing_bubblewrap_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = str(tmp_path_factory.mktemp("empty"))
    source = """
    from agentbay import AgentBay
    print(AgentBay().create().error_message)
    """
    finished = run_script(source, env={**LOCAL, "PATH": empty})
    assert (finished.exit_code, finished.stderr) == (0, "")
    assert "bubblewrap is not installed" in finished.lines[0]
    assert "apt install bubblewrap" in finished.lines[0]
