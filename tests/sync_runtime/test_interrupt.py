"""Ctrl-C: the coroutine is cancelled and cleans up before the program sees KeyboardInterrupt."""

from __future__ import annotations

from agentbay import _loop_thread
from tests.children import lines_of, run_script


def test_clean_up_comes_before_the_interrupt_every_time() -> None:
    assert lines_of(
        """
            from tests.sync_runtime.machine import Machine, interrupt
            machine = Machine()
            for _ in range(10):
                try:
                    machine.hang(interrupt)
                except KeyboardInterrupt:
                    print("interrupted")
            print(machine.echo("usable"))
            """
    ) == ["hanging", "cleaned up", "interrupted"] * 10 + ["usable"]


def test_an_uncaught_interrupt_ends_the_program_as_usual() -> None:
    finished = run_script(
        """
        from tests.sync_runtime.machine import Machine, interrupt
        Machine().hang(interrupt)
        """
    )
    assert finished.exit_code == -2
    assert finished.lines == ["hanging", "cleaned up"]
    assert finished.stderr.rstrip().endswith("KeyboardInterrupt")


def test_a_second_interrupt_does_not_wait_for_the_clean_up() -> None:
    finished = run_script(
        """
        from agentbay import _loop_thread
        from tests.sync_runtime.machine import Machine, interrupt
        try:
            Machine().clean_up_forever(interrupt)
        except KeyboardInterrupt:
            print("interrupted")
        _loop_thread.GRACE = 0.1  # for the exit
        """
    )
    assert (finished.exit_code, finished.stderr) == (0, "")
    assert finished.lines == ["cleaning up", "interrupted"]
    assert finished.seconds < _loop_thread.GRACE


def test_clean_up_that_never_ends_is_not_waited_for_longer_than_the_grace() -> None:
    assert lines_of(
        """
        from agentbay import _loop_thread
        from tests.sync_runtime.machine import Machine
        _loop_thread.GRACE = 0.1
        try:
            Machine().clean_up_forever(lambda: None)
        except KeyboardInterrupt:
            print("interrupted")
        """
    ) == ["cleaning up", "interrupted"]


def test_clean_up_under_way_at_exit_is_finished() -> None:
    assert lines_of(
        """
        from tests.sync_runtime.machine import Machine, interrupt
        try:
            Machine().clean_up_until_exit(interrupt)
        except KeyboardInterrupt:
            print("interrupted")
        """
    ) == ["cleaning up", "interrupted", "cleaned up"]


def test_an_interrupt_while_entering_a_context_manager() -> None:
    assert lines_of(
        """
        from tests.sync_runtime.machine import Machine
        machine = Machine()
        try:
            with machine.scope(hangs=True):
                print("never")
        except KeyboardInterrupt:
            print("interrupted")
        with machine.scope() as entered:
            print(entered is machine)
        """
    ) == ["hanging", "cleaned up", "interrupted", "entered", "True", "left None"]


def test_an_interrupt_inside_a_context_manager_leaves_it() -> None:
    assert lines_of(
        """
        from tests.sync_runtime.machine import Machine, interrupt
        machine = Machine()
        try:
            with machine.scope():
                machine.hang(interrupt)
        except KeyboardInterrupt:
            print("interrupted")
        """
    ) == ["entered", "hanging", "cleaned up", "left KeyboardInterrupt", "interrupted"]


def test_a_signal_handler_can_make_calls_during_a_call() -> None:
    assert lines_of(
        """
        import os, signal
        from tests.sync_runtime.machine import Machine

        def handler(*_):
            print(machine.echo("in the handler"))
            raise SystemExit(0)

        signal.signal(signal.SIGTERM, handler)
        machine = Machine()
        machine.hang(lambda: os.kill(os.getpid(), signal.SIGTERM))
        """
    ) == ["hanging", "in the handler", "cleaned up"]


ANY_MOMENT = """
    import random, signal, sys
    from tests.sync_runtime.machine import Machine

    # Python drops an interrupt that comes within a callback of a weak reference; another follows.
    sys.unraisablehook = lambda dropped: None
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    moments = random.Random(1)
    machine = Machine()
    for number in range({times}):
        try:
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.0005, 0.003), 0.01)
            while True:
                {use}
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
        assert machine.echo(number) == number
    """


def test_interrupts_at_any_moment_block_nothing() -> None:
    # Not only while waiting: also within the code that begins and ends the waiting.
    assert lines_of(ANY_MOMENT.format(times=1000, use="machine.echo(0)")) == []


def test_what_an_interrupt_at_any_moment_has_entered_is_left() -> None:
    lines = lines_of(ANY_MOMENT.format(times=300, use="with machine.scope(): pass"))
    left = sum(line.startswith("left") for line in lines)
    assert left == lines.count("entered") > 300


def test_the_last_moment_of_entering_is_cancelled_like_any_other() -> None:
    assert lines_of(
        """
        import asyncio
        from agentbay import _loop_thread
        from agentbay.errors import ClientClosedError
        from tests.sync_runtime.machine import Machine, say

        def cancel(future):
            # When this runs, the task is about to go on.
            future.set_result(None)
            [call] = _loop_thread.running().calls.values()
            call.cancel_here()

        async def linger(machine):
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            loop.call_soon(cancel, future)
            await future

        try:
            with Machine().scope(linger=linger):
                say("inside")
        except ClientClosedError as exc:
            say(exc)
        """
    ) == ["entered", "left CancelledError", "the call was cancelled before it ended"]


def test_what_an_interrupt_keeps_from_the_caller_is_undone() -> None:
    lines = lines_of(
        """
        from agentbay import _loop_thread
        from tests.sync_runtime.machine import Machine, interrupt, say

        def interrupt_when_made():
            [call] = _loop_thread.running().calls.values()
            call.outcome.when_done(interrupt)

        machine = Machine()
        try:
            say(machine.make(interrupt_when_made))
        except KeyboardInterrupt:
            say("interrupted")
        say(machine.make())
        """
    )
    assert sorted(lines) == ["interrupted", "made", "unmade"]
