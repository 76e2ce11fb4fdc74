"""How a process ends that made blocking calls: at once, quietly, with everything cleaned up."""

from __future__ import annotations

from tests.children import lines_of, run_script

# Shorter than the grace that is given to clean-up at exit.
PROMPT_SECONDS = 4.5


def test_a_client_that_is_never_closed_does_not_delay_the_exit() -> None:
    finished = run_script(
        """
        from tests.sync_runtime.machine import Machine
        print(Machine().echo("first"))
        print(Machine().each(2, lambda number: number))  # leaves an idle worker thread
        print(Machine().in_executor(lambda: "executor"))
        """
    )
    assert (finished.exit_code, finished.stderr) == (0, "")
    assert finished.lines == ["first", "[0, 1]", "executor"]
    assert finished.seconds < PROMPT_SECONDS


def test_the_threads_of_the_default_executor_do_not_delay_the_exit() -> None:
    finished = run_script(
        """
        import asyncio
        from agentbay._portal import run

        async def resolve():
            return await asyncio.get_running_loop().run_in_executor(None, lambda: "resolved")

        print(run(resolve()))
        """
    )
    assert (finished.exit_code, finished.stderr) == (0, "")
    assert finished.lines == ["resolved"]
    assert finished.seconds < PROMPT_SECONDS


def test_importing_starts_no_thread_and_loads_neither_aiohttp_nor_anyio() -> None:
    assert lines_of(
        """
        import sys, threading
        import agentbay._portal
        print([name for name in ("aiohttp", "anyio", "attrs") if name in sys.modules])
        print(threading.active_count())
        """
    ) == ["[]", "1"]


def test_closing_twice_is_fine() -> None:
    assert lines_of(
        """
        from tests.sync_runtime.machine import Machine
        machine = Machine()
        machine.close()
        machine.close()
        """
    ) == ["closed", "closed"]


def test_an_open_context_manager_is_left_at_exit() -> None:
    assert lines_of(
        """
        from tests.sync_runtime.machine import Machine
        scope = Machine().scope()
        scope.__enter__()
        print("end of script")
        """
    ) == ["entered", "end of script", "left None"]


def test_a_call_of_a_daemon_thread_is_cancelled_at_exit() -> None:
    assert lines_of(
        """
        import contextlib, threading
        from agentbay.errors import ClientClosedError
        from tests.sync_runtime.machine import Machine

        def work():
            with contextlib.suppress(ClientClosedError):
                Machine().hang(hanging.set)

        hanging = threading.Event()
        threading.Thread(target=work, daemon=True).start()
        hanging.wait(20)
        """
    ) == ["hanging", "cleaned up"]


def test_threads_that_outlive_the_main_thread_go_on() -> None:
    assert lines_of(
        """
        import threading
        from tests.sync_runtime.machine import Machine

        def work():
            threading.main_thread().join(20)
            print(Machine().echo("still works"))

        Machine().echo("the loop thread runs")
        threading.Thread(target=work).start()
        """
    ) == ["still works"]


def test_exit_handlers_of_the_program_can_make_calls() -> None:
    assert lines_of(
        """
        import atexit
        from tests.sync_runtime.machine import Machine
        machine = Machine()
        atexit.register(machine.close)
        print(machine.echo("work"))
        """
    ) == ["work", "closed"]


def test_what_threads_do_works_at_exit_too() -> None:
    """Looking up a host name is such work: without it, no connection for clean-up."""
    assert lines_of(
        """
        import asyncio, atexit
        from agentbay._portal import run

        async def in_executor(function, *args):
            return await asyncio.get_running_loop().run_in_executor(None, function, *args)

        def at_exit():
            print(run(in_executor("AT EXIT".lower)))
            try:
                run(in_executor(int, "no number"))
            except ValueError as error:
                print(error)

        atexit.register(at_exit)
        print(run(in_executor("BEFORE".lower)))
        """
    ) == ["before", "at exit", "invalid literal for int() with base 10: 'no number'"]


def test_a_call_after_the_loop_has_ended_says_so() -> None:
    assert lines_of(
        """
        import atexit

        def too_late():
            try:
                machine.echo("never")
            except ClientClosedError as error:
                print(error)

        atexit.register(too_late)  # registered first, so it runs last
        from agentbay.errors import ClientClosedError
        from tests.sync_runtime.machine import Machine
        machine = Machine()
        print(machine.echo("work"))
        """
    ) == ["work", "blocking call while the interpreter exits"]


def test_a_coroutine_that_ignores_cancellation_does_not_prevent_the_exit() -> None:
    assert lines_of(
        """
        import threading
        from agentbay import _loop_thread
        from tests.sync_runtime.machine import Machine

        _loop_thread.GRACE = 0.2
        machine = Machine()
        threading.Thread(target=machine.ignore_cancellation, daemon=True).start()
        machine.echo("the other call is under way now")
        """,
        flags=(),
    ) == ["ignoring"]
