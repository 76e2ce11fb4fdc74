"""Blocking calls where an event loop runs already."""

from __future__ import annotations

import pytest

from agentbay._portal import run
from agentbay.errors import ClientClosedError
from tests.children import STRICT, lines_of
from tests.sync_runtime.machine import Machine

# The mirror is a module of the package here, so that warnings show the line of its caller.
PACKAGED = """
import asyncio, builtins, sys, types, warnings
from pathlib import Path
import tests.sync_runtime.machine as machine_module

source = Path(machine_module.__file__).read_text()
packaged = types.ModuleType("agentbay._sync.machine")
sys.modules[packaged.__name__] = packaged
exec(compile(source, "machine.py", "exec"), packaged.__dict__)
machine = packaged.Machine()

def show(message, category, filename, lineno, file=None, line=None):
    print(category.__name__, filename, lineno)

warnings.showwarning = show
"""
START = PACKAGED.count("\n") + 1  # child.py puts one line in front


def test_a_call_inside_asyncio_run_works_and_warns_once_for_each_line() -> None:
    assert lines_of(
        PACKAGED
        + """
async def main():
    for number in range(3):
        print(machine.echo(number))
    print(machine.echo("elsewhere"))

asyncio.run(main())
""",
        flags=("-X", "dev", "-W", "default"),
    ) == [
        f"BlockingCallWarning <string> {START + 4}",
        *("0", "1", "2"),
        f"BlockingCallWarning <string> {START + 5}",
        "elsewhere",
    ]


def test_a_notebook_is_not_warned() -> None:
    assert lines_of(
        PACKAGED
        + """
builtins.__IPYTHON__ = True

async def main():
    print(machine.echo("cell"))

asyncio.run(main())
"""
    ) == ["cell"]


def test_a_warning_that_is_an_error_leaves_nothing_behind() -> None:
    assert lines_of(
        """
        import asyncio
        from agentbay.errors import BlockingCallWarning
        from tests.sync_runtime.machine import Machine

        async def main():
            try:
                Machine().echo("never")
            except BlockingCallWarning:
                print("refused")

        asyncio.run(main())
        """,
        flags=STRICT,
    ) == ["refused"]


def test_a_second_asyncio_run_finds_the_same_client_working() -> None:
    assert lines_of(
        """
        import asyncio
        from tests.sync_runtime.machine import Machine

        async def main(number):
            print(await machine.echo_async(number))
            print(await asyncio.to_thread(machine.echo, "thread"))

        machine = Machine()
        asyncio.run(main(1))
        asyncio.run(main(2))
        print(machine.echo("no loop"))
        """
    ) == ["1", "thread", "2", "thread", "no loop"]


def test_a_call_from_the_loop_thread_is_refused_not_a_deadlock() -> None:
    async def call_inside() -> str:
        return Machine().echo("never")

    with pytest.raises(ClientClosedError, match="use the async client here"):
        run(call_inside())


def test_entering_on_the_loop_thread_is_refused() -> None:
    async def enter_inside() -> None:
        with Machine().scope():
            pass

    with pytest.raises(ClientClosedError, match="use the async client here"):
        run(enter_inside())


def test_leaving_on_the_loop_thread_is_refused_and_made_up_for_at_exit() -> None:
    # It is left in the loop, while this thread says why it was not left here.
    lines = lines_of(
        """
        from agentbay._portal import run
        from agentbay.errors import ClientClosedError
        from tests.sync_runtime.machine import Machine, say

        async def leave_inside():
            scope.__exit__(None, None, None)

        scope = Machine().scope()
        scope.__enter__()
        try:
            run(leave_inside())
        except ClientClosedError as error:
            say(error)
        """
    )
    assert lines[0] == "entered"
    assert sorted(lines[1:]) == [
        "blocking call from the loop that has to serve it; use the async client here",
        "left None",
    ]
