"""Forked children start with a loop of their own and leave the parent's alone."""

from __future__ import annotations

from tests.children import STRICT, lines_of

# Python 3.12+ warns of any fork while threads exist, and the loop thread is one.
FLAGS = (*STRICT, "-W", "ignore:This process:DeprecationWarning")

FORK = """
import os, sys, traceback
from tests.sync_runtime.machine import Machine

def in_child(function):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        function()
        sys.exit(0)  # a full shutdown of the interpreter, not os._exit
    _, status = os.waitpid(pid, 0)
    print("child exited", os.waitstatus_to_exitcode(status))

machine = Machine()
"""


def test_fork_before_first_use() -> None:
    assert lines_of(
        FORK
        + """
in_child(lambda: print(machine.echo("child")))
print(machine.echo("parent"))
""",
        flags=FLAGS,
    ) == ["child", "child exited 0", "parent"]


def test_fork_after_first_use() -> None:
    assert lines_of(
        FORK
        + """
print(machine.echo("parent"))
for number in range(3):
    in_child(lambda: print(machine.echo(f"child {number}")))
    print(machine.echo(f"parent {number}"))
""",
        flags=FLAGS,
    ) == [
        "parent",
        *("child 0", "child exited 0", "parent 0"),
        *("child 1", "child exited 0", "parent 1"),
        *("child 2", "child exited 0", "parent 2"),
    ]


def test_a_child_of_a_child() -> None:
    assert lines_of(
        FORK
        + """
print(machine.echo("parent"))
def child():
    print(machine.echo("child"))
    in_child(lambda: print(machine.echo("grandchild")))
in_child(child)
""",
        flags=FLAGS,
    ) == ["parent", "child", "grandchild", "child exited 0", "child exited 0"]


def test_fork_inside_a_context_manager_leaves_it_to_the_parent() -> None:
    assert lines_of(
        FORK
        + """
with machine.scope() as entered:
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    else:
        print(machine.echo("child"))
print("after the block, in the", "parent" if pid else "child")
""",
        flags=FLAGS,
    ) == [
        "entered",
        "child",
        "after the block, in the child",
        "left None",
        "after the block, in the parent",
    ]


def test_multiprocessing_with_fork() -> None:
    assert lines_of(
        """
        import multiprocessing
        from tests.sync_runtime.machine import Machine

        def echo(value):
            return Machine().echo(value)

        print(echo("parent"))
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(echo, range(4)))
            pool.close()
            pool.join()
        """,
        flags=FLAGS,
    ) == ["parent", "[0, 1, 2, 3]"]
